"""Recommendations: what the figures of a report say to do, each by one rule."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ml_service.domain.models.report.resolved import MemberName
from ml_service.domain.models.report.standing import Standing

ROWS_MIN = 100
"""With fewer episodes, nothing is recommended but to wait."""
CALIBRATION_ERROR_MAX = 0.05
SILENT_SHARE_MAX = 0.2
NOT_ASKED = ("ok", "not_asked")
"""Neither is an abstention."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    code: str
    text: str


def recommended(
    rows: int,
    whole: Standing | None,
    members: Mapping[MemberName, Standing | None],
    statuses: Mapping[str, int],
    alone: bool = False,
) -> tuple[Recommendation, ...]:
    """`alone`: in the report of one model, which is in no position to speak of a set."""
    silent = list(of_silence(statuses))
    if rows < ROWS_MIN:
        text = f"expected at least {ROWS_MIN} resolved predictions, found {rows}: wait"
        return (Recommendation("wait", text), *silent)
    found = list(of_set(whole)) if whole is not None else []
    for name, standing in members.items():
        if standing is not None and standing.score.rows >= ROWS_MIN:
            found.extend(of_member(name, standing, alone))
    return (*found, *silent)


def of_set(whole: Standing) -> Iterator[Recommendation]:
    score, gain, told = whole.score, whole.score.log_loss_gain, whole.reliability
    if gain.high is not None and gain.high < 0.0:
        text = (
            f"the set costs {-gain.value:.4f} nats a prediction more than the base rate over {score.rows} resolved"
            " predictions: roll back, or train again"
        )
        yield Recommendation("worse_than_base_rate", text)
    elif gain.low is None or gain.low <= 0.0:
        text = f"no evidence of skill of the set over {score.rows} resolved predictions: let it decide nothing alone"
        yield Recommendation("no_skill", text)
    if told.error > CALIBRATION_ERROR_MAX and told.error > told.by_luck:
        text = (
            f"calibration error {told.error:.3f} over {CALIBRATION_ERROR_MAX}, and over the {told.by_luck:.3f} that"
            " luck explains: calibrate again"
        )
        yield Recommendation("calibrate", text)
    if whole.trend is not None and whole.trend.said == "worse":
        text = (
            f"the recent half costs {whole.trend.change.value:.4f} nats a prediction more against its base rate than"
            " the earlier half: train again"
        )
        yield Recommendation("train_again", text)


def of_member(name: MemberName, standing: Standing, alone: bool) -> Iterator[Recommendation]:
    score, area = standing.score, standing.score.auc
    who = f"{name.model_type} v{name.version}"
    if area is not None and area.high is not None and area.high < 0.5:
        text = f"{who} points the wrong way (AUC {area.value:.3f} over {score.rows} resolved predictions)"
        yield Recommendation("wrong_way", f"{text}: leave it out at the next training")
    elif not has_skill(standing):
        text = f"{who} has no evidence of skill over {score.rows} resolved predictions"
        yield Recommendation("member_without_skill", f"{text}: leave it out at the next training")
    if alone and standing.trend is not None and standing.trend.said == "worse":
        yield Recommendation("train_again", f"{who} does worse in the recent half: train it again")


def has_skill(standing: Standing) -> bool:
    """In its chances or in their order alone: who exaggerates, and is right more often than not, still tells the set
    something."""
    score = standing.score
    gained = score.log_loss_gain.low is not None and score.log_loss_gain.low > 0.0
    ordered = score.auc is not None and score.auc.low is not None and score.auc.low > 0.5
    return gained or ordered


def of_silence(statuses: Mapping[str, int]) -> Iterator[Recommendation]:
    asked = sum(count for status, count in statuses.items() if status != "not_asked")
    for status, count in sorted(statuses.items()):
        if status not in NOT_ASKED and asked >= ROWS_MIN and count > SILENT_SHARE_MAX * asked:
            text = f"no forecast in {count} of {asked} decisions, since {status}: {REMEDIES.get(status, LOOK)}"
            yield Recommendation("silent", text)


LOOK = "look at the models in /health"
REMEDIES = {
    "expired": "train again",
    "no_features": "send candles",
    "stale_features": "send candles in time",
    "foreign_schema": "train again with the present schema",
    "window_missing": "send candles without gaps",
    "out_of_domain": "train again with recent candles",
}
