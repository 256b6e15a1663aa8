"""`run`, `web`, `worker`: the processes of the service."""

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from ml_service.settings import Settings, load_settings


def run(
    worker: Annotated[bool, typer.Option(help="Run the worker beside the web server.")] = True,
) -> None:
    """Migrate the database, then run web and worker until Ctrl-C."""
    from ml_service.adapters.process import apart
    from ml_service.cli.safe_start import refuse_taken_port
    from ml_service.cli.supervisor import supervise

    settings = load_settings()
    keep_private()
    refuse_taken_port(settings)
    is_prepared = apart(lambda: prepared(settings))
    sys.exit(supervise(settings, worker, () if is_prepared else (prepared_later,)))


def prepared(settings: Settings) -> bool:
    # Imported here and below: all that speaks to the database would stay in the supervisor's memory for as long as the
    # service runs.
    from ml_service.cli.start import prepare

    return prepare(settings)


def prepared_later(settings: Settings, stopping: Callable[[float], bool]) -> None:
    from ml_service.cli.start import bring_up_later

    bring_up_later(settings, stopping)


def web() -> None:
    """Run the web server alone."""
    from ml_service.cli.safe_start import refuse_unsafe
    from ml_service.cli.serve import serve

    settings = load_settings()
    keep_private()
    # Here already: a worker of the server could only fail, again and again.
    refuse_unsafe(settings)
    serve(settings)


def worker() -> None:
    """Run the worker alone."""
    from ml_service.worker.__main__ import run_worker

    keep_private()
    run_worker(load_settings())


def keep_private() -> None:
    """What this process writes is for its own user alone: thresholds, outcomes and keys are nobody else's business."""
    os.umask(0o077)
