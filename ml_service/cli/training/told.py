"""What a training came to, as lines and as a document."""

from collections.abc import Iterator
from typing import Any

from ml_service.domain.models.slots import EVERY
from ml_service.domain.statistics.estimate import Estimate
from ml_service.learning.evaluation import Worth
from ml_service.learning.manifest import evaluation_document, plain, plan_document
from ml_service.learning.trained import Training


def lines(training: Training) -> Iterator[str]:
    found = training.evaluation
    regime = "" if training.plan.regime == EVERY else f", {training.plan.regime}"
    yield (
        f"{training.plan.stream}{regime}: {training.examples:,} examples in {training.rows:,} rows;"
        f" {training.plan.folds} folds; horizon {training.plan.label.horizon_bars} bars"
    )
    yield f"{'':10} {'log loss gain, nats':>31} {'AUC':>24} {'F1':>24}"
    for name, worth in (*found.members.items(), ("together", found.together)):
        yield worth_line(name, worth)
    for side in found.sides:
        yield (
            f"{side.side:10} pays in {100 * side.worth.base_rate:.1f} % of the rows;"
            f" gain {told(side.worth.gain, '+.4f')}; calibration error {side.calibration_error:.3f}"
        )
    for equity in found.equities:
        yield f"{equity.rule:10} {equity.trades:>5} trades, {equity.total:+.2f} % in all"
    yield from (f"left out   {name}: {why}" for name, why in training.left_out.items())
    yield from (f"SUSPICIOUS {said}" for said in training.suspicions)
    yield found.verdict


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
