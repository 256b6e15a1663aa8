"""The worker's loop: events, then what is due, then a slice of a job, then a short sleep; stops on SIGTERM."""

import logging

from ml_service.adapters.process import Stop
from ml_service.errors import Unavailable
from ml_service.settings import Settings, load_settings
from ml_service.worker.jobs import JobRunner, asked_kind, long_kind, short_kind
from ml_service.worker.outbox import hand_out
from ml_service.worker.schedule import Schedule, tasks
from ml_service.worker.wiring import open_process

logger = logging.getLogger(__name__)

ROUND_SECONDS = 0.25
PAUSE_SECONDS = 2.0


def run_worker(settings: Settings) -> None:
    stopping = Stop().on_signals()
    process = open_process(settings, stopping)
    parts = process.parts
    schedule = Schedule(tasks(parts))
    runners = (JobRunner(short_kind), JobRunner(long_kind), JobRunner(asked_kind))
    try:
        while not stopping.is_set():
            pause = ROUND_SECONDS
            try:
                if process.leader.leads():
                    if hand_out(parts):
                        pause = 0.0
                    schedule.run_due(parts)
                    # Each of them, not only the first that has something to do.
                    worked = [runner.work(parts) for runner in runners]
                    if any(worked):
                        pause = 0.0
                    parts.announce()
                else:
                    pause = PAUSE_SECONDS
            except Unavailable as error:
                logger.warning("waiting for the database: %s", error)
                pause = PAUSE_SECONDS
            except Exception:
                # The worker has many things to do; trouble with one of them is no reason to drop the others.
                logger.exception("a round of the worker failed")
                pause = PAUSE_SECONDS
            stopping.wait(pause)
    finally:
        for runner in runners:
            runner.leave()
        process.close()


if __name__ == "__main__":
    run_worker(load_settings())
