"""The report: everything that a reader needs to judge whether learning has paid."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_service.domain.learner import Adaptation, Learner
from ml_service.domain.outcomes import StoredOutcome
from ml_service.domain.performance.performance import Performance
from ml_service.domain.performance.score import Score
from ml_service.domain.report.arms import Compared
from ml_service.domain.report.steps import Line


@dataclass(frozen=True, slots=True)
class Report:
    user_id: str
    symbol: str | None
    since_ms: int
    until_ms: int
    lines: Mapping[str, tuple[Line, ...]]
    """By parameter."""
    scopes_left_out: int
    adaptations: tuple[Adaptation, ...]
    """Oldest first."""
    compared: Compared | None
    signals_known: int
    signals_unknown: int
    """With an outcome, but without a decision or a result in R."""
    performance: Performance
    score: Score | None
    quarantined: tuple[StoredOutcome, ...]
    quarantined_count: int
    learners: tuple[Learner, ...]
    """As they stand now, each with its last cycle."""
