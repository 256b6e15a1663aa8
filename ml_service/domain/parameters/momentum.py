"""Momentum: the relative change in percent, whatever its direction."""

from ml_service.domain.parameters.spec import Parameter, magnitude, magnitude_at_least, same_limit

PARAMETER = Parameter(
    name="momentum_threshold",
    fields=("change_percent", "momentum"),
    default=2.0,
    low=1.0,
    high=5.0,
    value_low=None,
    value_high=None,
    comparison=magnitude_at_least,
    limit=same_limit,
    facing=magnitude,
    spread=1.5,
)
