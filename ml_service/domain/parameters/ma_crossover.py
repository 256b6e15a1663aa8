"""The fast moving average over the slow one, minus one, in the direction of the trade."""

from ml_service.domain.parameters.spec import Parameter, at_least_for_buy, mirrored_limit, mirrored_value

PARAMETER = Parameter(
    name="ma_crossover_threshold",
    fields=("ma_crossover",),
    default=0.0,
    low=-0.05,
    high=0.05,
    value_low=None,
    value_high=None,
    comparison=at_least_for_buy,
    limit=mirrored_limit,
    facing=mirrored_value,
    spread=0.012,
)
