"""Record what became of decisions: durable before the answer, each trade once."""

from collections.abc import Sequence

from ml_service.domain.outcomes import Outcome, Receipt, completed
from ml_service.ports import Recorder


def report_outcomes(outcomes: Sequence[Outcome], *, recorder: Recorder, now_ms: int) -> list[Receipt]:
    return recorder.keep([completed(outcome) for outcome in outcomes], now_ms)
