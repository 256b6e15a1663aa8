"""A scope's learner as it stands between two adaptations, and an adaptation as history keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_service.domain.adaptation.learned import Learned


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
