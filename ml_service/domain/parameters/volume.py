"""Quote volume of the last 24 hours: enough of a market to trade in."""

from ml_service.domain.parameters.spec import Parameter, at_least, same_limit, same_value

PARAMETER = Parameter(
    name="volume_threshold",
    fields=("volume",),
    default=1e9,
    low=1e8,
    high=1e10,
    value_low=0.0,
    value_high=None,
    comparison=at_least,
    limit=same_limit,
    facing=same_value,
    spread=0.9,
    scale="log",
)
