"""Long work: asked for once, followed and cancelled by its id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    kind: str
    request: Mapping[str, Any] = field(default_factory=dict)
    state: JobState = "waiting"
    done: int = 0
    total: int | None = None
    """How much there is to do; None until that is known."""
    result: Mapping[str, Any] | None = None
    error: str | None = None
    actor: str = ""
    created_at_ms: int = 0
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    cancel_asked: bool = False

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Progress:
    """Told between two pieces of a job; the last one brings the result."""

    done: int
    total: int | None
    result: Mapping[str, Any] | None = None
