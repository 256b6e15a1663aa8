"""A scope's learner as it stands between two adaptations, an adaptation as history keeps it, and a cycle as it is
written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_service.domain.adaptation.learned import Learned
from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.types import Thresholds


@dataclass(frozen=True, slots=True)
class Learner:
    """Revision 0 stands for one that was never written."""

    user_id: str
    symbol: str
    revision: int = 0
    learned: Learned | None = None
    """None until there was enough evidence to begin."""
    adapted_at_ms: int = 0
    """When it was last asked to adapt, whatever came of it."""
    held_until_ms: int = 0
    frozen: str | None = None
    """Why nothing may move, where somebody froze it; the reason may be empty."""
    last: Mapping[str, Any] | None = None
    """The explanation of the last cycle."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A move, or a step back, that made a new revision."""

    user_id: str
    id: str
    symbol: str
    at_ms: int
    verdict: str
    revision_before: int
    revision: int
    explanation: Mapping[str, Any]
    undone_by: int | None = None
    """The revision that took it back."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the audit is to say of it."""

    at_ms: int
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """New thresholds with all that goes with them."""

    thresholds: Thresholds
    adaptation: Adaptation
    state_before: Learned | None
    event: ThresholdsChanged
    note: Note


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """A cycle as it is to be written: all of it, or nothing."""

    learner: Learner
    """Its next revision."""
    observed: Sequence[int]
    """Outcomes that were learned from …"""
    skipped: Sequence[int]
    """… and those that had nothing to teach."""
    percent_per_r: float
    move: Move | None
    measured: Sequence[int] = ()
    """When those were closed that name no risk of their own: what they came to in R is known from here on."""
