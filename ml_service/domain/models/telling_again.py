"""A recorded forecast, made again from what its members said, and how the two differ."""

from math import nan

from ml_service.domain.models.ensemble import DIGITS, forecast
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.speaking import Figures
from ml_service.domain.types import Forecast, MemberFigure, ModelStatus, Trade

NEAR = 1e-5
"""As near as a graph has to be to the models that it was made of."""


def told_again(models: ModelSet, recorded: Forecast, trade: Trade) -> Forecast | ModelStatus:
    """The same rule on the same figures."""
    if len(recorded.members) != len(models.members) or recorded.distance is None:
        return "no_figures"
    rises = tuple(rise_of(member, trade) for member in recorded.members)
    return from_figures(models, recorded, trade, Figures(rises, recorded.distance))


def from_figures(models: ModelSet, recorded: Forecast, trade: Trade, figures: Figures) -> Forecast | ModelStatus:
    return forecast(models, figures.rises, figures.distance, trade, recorded.regime)


def heard_again(recorded: Forecast, trade: Trade, figures: Figures) -> Figures:
    """What a graph said now, with the recorded figure wherever the two are the same but for rounding: a row alone and
    the same row among others are added up in another order."""
    rises = tuple(
        same_or(rise_of(member, trade), rise) for member, rise in zip(recorded.members, figures.rises, strict=True)
    )
    assert recorded.distance is not None
    return Figures(rises, same_or(recorded.distance, figures.distance))


def same_or(recorded: float, now: float) -> float:
    return recorded if abs(now - recorded) <= NEAR * max(1.0, abs(recorded)) else now


def rise_of(member: MemberFigure, trade: Trade) -> float:
    """What it thought of prices rising; not a number where it had nothing to say."""
    if member.probability is None:
        return nan
    return member.probability if trade == "BUY" else round(1.0 - member.probability, DIGITS)


def differences(recorded: Forecast, now: Forecast | ModelStatus) -> list[str]:
    """None, or one sentence."""
    if not isinstance(now, Forecast):
        return [f"forecast: recorded {recorded.probability}, now none ({now})"]
    if now == recorded:
        return []
    members = [
        f"{old.model_type} {old.probability} and {new.probability}"
        for old, new in zip(recorded.members, now.members, strict=True)
        if old != new
    ]
    told = f" (members, recorded and now: {', '.join(members)})" if members else ""
    return [f"forecast: recorded {recorded.probability}, now {now.probability}{told}"]
