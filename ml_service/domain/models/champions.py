"""Champions: which set serves a place, since when, and which one it would fall back on."""

from dataclasses import dataclass
from typing import Literal

from ml_service.domain.models.slots import Place

Step = Literal["promoted", "rolled_back"]


@dataclass(frozen=True, slots=True)
class Reign:
    """One entry in the history of a place; it lasts until the next one."""

    place: Place
    revision: int
    """Counts the entries of its place, from 1."""
    set_id: str | None
    """None where nobody serves."""
    step: Step
    former: int | None
    """The revision that a rollback goes back to; None where there is none."""
    since_ms: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A champion that is named, but whose document is missing, broken or another one's."""

    place: Place
    set_id: str
    why: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An earlier champion that cannot serve any more, and why."""

    set_id: str
    why: str
    is_damaged: bool
    """Not merely too old."""


def after_promotion(head: Reign | None, place: Place, set_id: str, at_ms: int, actor: str, reason: str) -> Reign:
    return Reign(
        place=place,
        revision=head.revision + 1 if head is not None else 1,
        set_id=set_id,
        step="promoted",
        former=head.revision if head is not None else None,
        since_ms=not_before(head, at_ms),
        actor=actor,
        reason=reason,
    )


def after_rollback(head: Reign, restored: Reign | None, at_ms: int, actor: str, reason: str) -> Reign:
    """A second rollback goes one step further back: what was rolled back is never returned to by another one. Before
    the first champion, nobody served."""
    return Reign(
        place=head.place,
        revision=head.revision + 1,
        set_id=restored.set_id if restored is not None else None,
        step="rolled_back",
        former=restored.former if restored is not None else None,
        since_ms=not_before(head, at_ms),
        actor=actor,
        reason=reason,
    )


def not_before(head: Reign | None, at_ms: int) -> int:
    """A clock that was set back must not put a later entry before an earlier one."""
    return max(at_ms, head.since_ms) if head is not None else at_ms
