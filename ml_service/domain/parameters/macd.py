"""MACD minus its signal line, in percent of the price, in the direction of the trade."""

from ml_service.domain.parameters.spec import Parameter, at_least_for_buy, mirrored_limit, mirrored_value

PARAMETER = Parameter(
    name="macd_threshold",
    fields=("macd",),
    default=0.0,
    low=-0.1,
    high=0.1,
    value_low=None,
    value_high=None,
    comparison=at_least_for_buy,
    limit=mirrored_limit,
    facing=mirrored_value,
    spread=0.03,
)
