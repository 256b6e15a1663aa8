"""The job that explains: the command `models explain`, for the training libraries enter no process that stays."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ml_service.domain.job import Job, Progress
from ml_service.errors import InvalidInput, Refused
from ml_service.worker.commands import carried_out
from ml_service.worker.parts import Parts

COMMAND = (sys.executable, "-m", "ml_service", "models", "explain", "--followed")
NAMES = ("user_id", "decision_id")


def explain(job: Job, parts: Parts) -> Iterator[Progress]:
    return carried_out([*COMMAND, *words(job.request)], heard, Refused)


def words(request: Mapping[str, Any]) -> list[str]:
    for name in NAMES:
        if not isinstance(request.get(name), str):
            raise InvalidInput.at(name, f"expected a text, found {request.get(name)!r}")
    # A decision's id may begin as an option does.
    return [f"--user={request['user_id']}", "--", request["decision_id"]]


def heard(told: Mapping[str, Any], before: Progress) -> Progress:
    return Progress(1, 1, dict(told))
