"""The job that trains: the command `train`, at low priority."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ml_service.domain.job import Job, Progress
from ml_service.errors import InvalidInput, Untrainable
from ml_service.worker.commands import carried_out
from ml_service.worker.parts import Parts

OPTIONS = (
    *("symbol", "models", "venue", "interval", "horizon", "label", "barrier", "days", "regime", "folds", "embargo"),
    *("seed", "device", "source", "search", "expires_days"),
)
"""Of the command `train`, as a request may name them."""
COMMAND = (sys.executable, "-m", "ml_service", "train", "--followed")


def train(job: Job, parts: Parts) -> Iterator[Progress]:
    """Begun again after a kill, it goes on where it was: the command keeps each fit."""
    return carried_out([*COMMAND, *words(job.request)], heard, Untrainable)


def words(request: Mapping[str, Any]) -> list[str]:
    """A request as the command's own options; what nobody knows is refused rather than left out."""
    unknown = sorted(set(request) - set(OPTIONS))
    if unknown:
        raise InvalidInput.at(unknown[0], f"expected one of {', '.join(OPTIONS)}")
    if "symbol" not in request:
        raise InvalidInput.at("symbol", "expected a symbol")
    given = {name: value for name, value in request.items() if value is not None}
    return [f"--{name.replace('_', '-')}={text(value)}" for name, value in given.items()]


def text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def heard(told: Mapping[str, Any], before: Progress) -> Progress:
    if "done" in told:
        return Progress(told["done"], told["total"])
    kept = ("set_id", "verdict", "has_skill", "data_hash", "examples", "left_out", "suspicions")
    total = before.total or 1
    return Progress(total, total, {name: told[name] for name in kept if name in told})
