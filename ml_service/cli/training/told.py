"""What a training came to, as lines and as a document."""

from collections.abc import Iterator, Sequence
from typing import Any

from ml_service.domain.market.settlement import Costs
from ml_service.domain.models.evidence import constant_sides
from ml_service.domain.models.slots import EVERY
from ml_service.domain.statistics.estimate import Estimate
from ml_service.learning.equity import Equity, ahead_a_day
from ml_service.learning.evaluation import Worth
from ml_service.learning.manifest import evaluation_document, plain, plan_document
from ml_service.learning.trained import Training


def lines(training: Training) -> Iterator[str]:
    found, plan = training.evaluation, training.plan
    regime = "" if plan.regime == EVERY else f", {plan.regime}"
    yield (
        f"{plan.stream}{regime}: {training.examples:,} examples in {training.rows:,} rows; {plan.folds} folds; horizon"
        f" {plan.label.horizon_bars} bars ({lasting(plan.horizon_minutes)}); {costs(plan.costs)}"
    )
    yield "in brackets: 95 % intervals; gain: in log loss, nats a row, against the base rate known before"
    yield "rising against falling, of the rows that moved by more than the costs:"
    yield f"{'':10} {'gain':>31} {'AUC':>24} {'F1':>24}"
    for name, worth in (*found.members.items(), ("together", found.together)):
        yield worth_line(name, worth)
    yield "calibrated, of all rows, that the trade pays:"
    for side in found.sides:
        yield (
            f"{side.side:10} {100 * side.worth.base_rate:.1f} % of the rows do; gain {told(side.worth.gain, '+.4f')};"
            f" calibration error {side.calibration_error:.3f} (luck alone: up to {side.calibration_error_by_luck:.3f})"
        )
    yield "one position at a time, sums of returns in percent of the stake, after costs:"
    yield from equity_lines(found.equities)
    yield from (f"left out   {name}: {why}" for name, why in training.left_out.items())
    yield from (f"SUSPICIOUS {said}" for said in training.suspicions)
    yield from constant_sides(training.set.rises, training.set.falls)
    yield found.verdict


def equity_lines(equities: Sequence[Equity]) -> Iterator[str]:
    models = equities[0]
    for one in equities:
        each = f", {told(one.a_trade, '+.3f')} a trade" if one.a_trade is not None else ""
        yield f"{one.rule:10} {one.trades:>5} trades, {one.total:+.2f} in all{each}"
    for other in equities[1:]:
        ahead = ahead_a_day(models, other)
        if ahead is not None:
            yield f"models less {other.rule}: {'the same' if is_nothing(ahead) else told(ahead, '+.3f')} a day"


def is_nothing(estimate: Estimate) -> bool:
    """To three digits, with its interval."""
    return all(one is None or abs(one) < 0.0005 for one in (estimate.value, estimate.low, estimate.high))


def costs(paid: Costs) -> str:
    return f"fee {paid.fee_percent:g} % and slippage {paid.slippage_percent:g} % each way"


def lasting(minutes: float) -> str:
    return f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"


def worth_line(name: str, worth: Worth) -> str:
    return f"{name:10} {told(worth.gain, '+.4f'):>31} {told(worth.auc, '.3f'):>24} {told(worth.f1, '.3f'):>24}"


def told(estimate: Estimate, form: str) -> str:
    value = f"{estimate.value:{form}}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:{form}} to {estimate.high:{form}})"


def document(training: Training) -> dict[str, Any]:
    return {
        **plan_document(training.plan),
        "data_hash": training.data_hash,
        "rows": training.rows,
        "examples": training.examples,
        "from_ms": training.from_ms,
        "until_ms": training.until_ms,
        "members": {name: plain(worth) for name, worth in training.evaluation.members.items()},
        **evaluation_document(training.evaluation),
        "left_out": dict(training.left_out),
        "suspicions": list(training.suspicions),
        "models": [
            {"model_type": model.slot.model_type, **model.manifest["files"], "importance": model.manifest["importance"]}
            for model in training.set.models
        ],
    }
