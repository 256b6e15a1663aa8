"""The performance report of models as lines of text."""

from collections.abc import Iterator

from ml_service.domain.models.report.report import ModelReport
from ml_service.domain.models.report.standing import Standing
from ml_service.domain.statistics.estimate import Estimate
from ml_service.usecases.model_report import FoundReport


def told(found: FoundReport) -> Iterator[str]:
    report = found.report
    yield (
        f"{found.kind} {found.id}: {report.predictions} resolved predictions, {report.episodes} episodes,"
        f" {report.marked_to_market} of them marked to market"
    )
    if report.whole is not None:
        yield from lines_of("the set", report.whole)
    for member in report.members:
        who = f"{member.name.model_type} v{member.name.version}"
        if member.standing is None:
            yield f"{who}: no figures"
        else:
            yield from lines_of(who, member.standing)
    yield from step_lines(report)
    if report.statuses:
        yield "decisions: " + ", ".join(f"{count} {status}" for status, count in sorted(report.statuses.items()))
    for one in report.recommendations:
        yield f"{one.code}: {one.text}"


def step_lines(report: ModelReport) -> Iterator[str]:
    names = " ".join(one.name.model_type for one in report.members)
    for regime, step in (report.proposal or {}).items():
        before, after = (" ".join(f"{one:.3f}" for one in weights) for weights in (step.before, step.after))
        yield f"weights in {regime} ({names}): {before} would become {after} ({step.source}, {step.rows} episodes)"


def lines_of(who: str, standing: Standing) -> Iterator[str]:
    score, calibration = standing.score, standing.reliability
    yield (
        f"{who}: log loss {figure(score.log_loss)}, gain on the base rate of {score.base_rate:.3f}"
        f" {figure(score.log_loss_gain)}, Brier {figure(score.brier)}, hits {figure(score.hits)}"
    )
    yield f"  calibration error {calibration.error:.4f} (luck alone: up to {calibration.by_luck:.4f})"
    for regime, one in standing.by_regime.items():
        yield f"  {regime}: {one.rows} episodes, gain {figure(one.log_loss_gain)}"
    if standing.trend is not None:
        yield f"  trend: {standing.trend.said}, {figure(standing.trend.change)}"


def figure(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.4f}"
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"
