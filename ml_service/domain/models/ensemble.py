"""The ensemble: several models' figures become one forecast, with what each of them said."""

from collections.abc import Sequence
from math import isfinite, sqrt

from ml_service.domain.models.calibration import log_odds, squashed
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.types import Forecast, MemberFigure, ModelStatus, Trade

DIGITS = 6
"""Figures are heard and told to so many digits: a row of them stays small, and machines that differ in the last bits
of a graph's figures decide alike."""


def forecast(
    models: ModelSet, rises: Sequence[float], distance: float, trade: Trade, regime: str | None
) -> Forecast | ModelStatus:
    """`rises` is what each member thinks of prices rising. Without a forecast, the reason for its absence."""
    rises, distance = [round(rise, DIGITS) for rise in rises], round(distance, DIGITS)
    # Also where the distance is not a number.
    if not distance <= models.distance_max:
        return "out_of_domain"
    weights = weights_of_the_heard(rises, models.weights_in(regime))
    if not any(weights):
        return "no_figures"
    pooled = combined(rises, weights)
    facing = [rise if trade == "BUY" else 1.0 - rise for rise in rises]
    return Forecast(
        probability=models.rises(pooled) if trade == "BUY" else models.falls(1.0 - pooled),
        model_id=models.set_id,
        version=str(models.version),
        regime=regime,
        members=tuple(
            MemberFigure(
                member.model_type,
                member.version,
                round(figure, DIGITS) if isfinite(figure) else None,
                round(weight, DIGITS),
            )
            for member, figure, weight in zip(models.members, facing, weights, strict=True)
        ),
        disagreement=round(disagreement(facing, weights), DIGITS),
        distance=distance,
    )


def weights_of_the_heard(figures: Sequence[float], weights: Sequence[float]) -> list[float]:
    """A member without a figure never enters as 0.5: the others share its say."""
    heard = [weight if isfinite(figure) else 0.0 for figure, weight in zip(figures, weights, strict=True)]
    total = sum(heard)
    return [weight / total for weight in heard] if total > 0.0 else heard


def combined(figures: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean of log odds: independent hints add up there, and a certain member is heard as such."""
    odds = [weight * log_odds(figure) for figure, weight in zip(figures, weights, strict=True) if weight > 0.0]
    return squashed(sum(odds))


def disagreement(figures: Sequence[float], weights: Sequence[float]) -> float:
    heard = [(figure, weight) for figure, weight in zip(figures, weights, strict=True) if weight > 0.0]
    mean = sum(weight * figure for figure, weight in heard)
    return sqrt(max(sum(weight * (figure - mean) ** 2 for figure, weight in heard), 0.0))
