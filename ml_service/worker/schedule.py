"""One table: what runs how often. Intervals are measured on the monotonic clock, so no clock change moves them; in a
simulation, the time that it lets pass is added."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from ml_service.errors import Unavailable
from ml_service.usecases.end_trainings import end_killed_trainings
from ml_service.usecases.import_trades import import_trades
from ml_service.usecases.jobs import open_job
from ml_service.usecases.match_outcomes import match_outcomes
from ml_service.usecases.prune import DAY_MS, believed, prune, prune_feature_rows
from ml_service.usecases.settle_signals import settle_signals
from ml_service.usecases.tidy_models import tidy_models
from ml_service.worker.parts import Parts

logger = logging.getLogger(__name__)

ADAPT_SECONDS = 3_600.0
"""How often the worker looks for what is due; how often a scope adapts is a setting."""


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    seconds: float
    run: Callable[[Parts], None]


def prune_old_rows(parts: Parts) -> None:
    gone = prune(parts.ages, retention=parts.retention, now_ms=parts.now_ms(), may_go_on=lambda: not parts.stopping())
    gone["feature_rows"] = prune_feature_rows(
        parts.ages,
        market=parts.market,
        retention=parts.retention,
        now_ms=parts.now_ms(),
        may_go_on=lambda: not parts.stopping(),
    )
    if any(gone.values()):
        logger.info("pruned %s", gone)


def read_trades(parts: Parts) -> None:
    if parts.trades is None:
        return
    imported = import_trades(trades=parts.trades, recorder=parts.recorder, store=parts.store, now_ms=parts.now_ms())
    if imported.created or imported.refused:
        logger.info("trades table: %d new outcomes, %d rows refused", imported.created, len(imported.refused))
    for complaint in imported.refused[:20]:
        logger.warning("trades table: %s", complaint)


def adapt_what_waits(parts: Parts) -> None:
    """Asks for the job where evidence has waited for a whole period and nobody came for it."""
    if not parts.adapts_by_itself:
        return
    with parts.store.read() as reading:
        waited_ms = int(parts.rules.adaptation.frequency_hours * 3_600_000)
        if not reading.scopes_waiting(parts.now_ms() - waited_ms):
            return
    open_job(
        "adapt_all", {"unasked": True}, actor="worker", now_ms=parts.now_ms(), store=parts.store, entropy=parts.entropy
    )


def match_again(parts: Parts) -> None:
    found = match_outcomes(store=parts.store, now_ms=parts.now_ms(), may_go_on=lambda: not parts.stopping())
    if found.matched:
        logger.info("outcomes: %d of %d found their decision later", found.matched, found.looked_at)


def settle_what_nobody_told(parts: Parts) -> None:
    if not parts.settles_by_itself:
        return
    done = settle_signals(
        rules=parts.settlement,
        market=parts.market,
        store=parts.store,
        recorder=parts.recorder,
        now_ms=parts.now_ms(),
        may_go_on=lambda: not parts.stopping(),
    )
    if done.settled or done.given_up:
        logger.info("settled %d signals by candles, gave up %s", done.settled, dict(done.given_up))


def tidy_old_models(parts: Parts) -> None:
    done = tidy_models(
        parts.retired_files_days * DAY_MS,
        now_ms=believed(parts.now_ms(), parts.retention),
        store=parts.store,
        shelf=parts.shelf,
        may_go_on=lambda: not parts.stopping(),
    )
    if any(asdict(done).values()):
        logger.info("models: %s", asdict(done))


def tell_of_killed_trainings(parts: Parts) -> None:
    ended = end_killed_trainings(now_ms=parts.now_ms(), store=parts.store, trainings=parts.trainings)
    if ended:
        logger.warning("trainings: %d models were given up, for their process was killed", ended)


def tidy(parts: Parts) -> None:
    parts.tidy(parts.now_ms())


def drop_old_exports(parts: Parts) -> None:
    parts.exports.drop_old()


def tasks(parts: Parts) -> tuple[Task, ...]:
    return (
        Task("trades", parts.trades_poll_seconds, read_trades),
        Task("match", 30.0, match_again),
        Task("settle", 60.0, settle_what_nobody_told),
        Task("tidy", 60.0, tidy),
        Task("adapt", ADAPT_SECONDS, adapt_what_waits),
        Task("prune", 300.0, prune_old_rows),
        Task("exports", 3_600.0, drop_old_exports),
        Task("models", 3_600.0, tidy_old_models),
        Task("trainings", 60.0, tell_of_killed_trainings),
    )


class Schedule:
    def __init__(self, table: tuple[Task, ...]) -> None:
        self._due = dict.fromkeys(table, 0.0)

    def run_due(self, parts: Parts) -> None:
        for task, due in self._due.items():
            now = time.monotonic() + parts.simulated_ms() / 1000
            if now < due or parts.stopping():
                continue
            self._due[task] = now + task.seconds
            try:
                task.run(parts)
            except Unavailable as error:
                logger.warning("%s: %s", task.name, error)
            except Exception:
                logger.exception("%s failed", task.name)
