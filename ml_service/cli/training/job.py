"""The same training as a job: the worker does it, and whoever asked may go."""

from dataclasses import asdict
from typing import Any

from ml_service.cli.training.run import Request
from ml_service.cli.wiring import open_store
from ml_service.domain.job import Job
from ml_service.settings import Settings
from ml_service.usecases.jobs import open_job

NAMES = {"kind": "label", "trials": "search"}
"""Where a field of the request has another name as an option of the command."""


def hand_over(request: Request, settings: Settings, actor: str, expires_days: float | None) -> tuple[Job, bool]:
    """The job, and whether it is a new one."""
    with open_store(settings) as tools:
        return open_job(
            "train",
            options_of(request, expires_days),
            actor=actor,
            now_ms=tools.now_ms(),
            store=tools.store,
            entropy=tools.entropy,
        )


def options_of(request: Request, expires_days: float | None) -> dict[str, Any]:
    """What is not told is left to the command's own defaults."""
    fields = {**asdict(request), "models": list(request.models), "expires_days": expires_days}
    # The worker has one core to spare, whatever this command was given.
    del fields["threads"]
    return {NAMES.get(name, name): value for name, value in fields.items() if value is not None}
