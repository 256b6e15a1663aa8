"""Confidence: how sure the signal is; the calibrated probability where a model judged it."""

from ml_service.domain.parameters.spec import Parameter, at_least, same_limit, same_value

PARAMETER = Parameter(
    name="confidence_threshold",
    fields=("confidence",),
    default=0.65,
    low=0.2,
    high=1.0,
    value_low=0.0,
    value_high=1.0,
    comparison=at_least,
    limit=same_limit,
    facing=same_value,
    spread=0.12,
)
