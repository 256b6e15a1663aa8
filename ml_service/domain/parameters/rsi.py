"""RSI: do not buy what is overbought, do not sell what is oversold."""

from ml_service.domain.parameters.spec import Parameter, at_most_for_buy
from ml_service.domain.types import Trade


def limit(threshold: float, side: Trade) -> float:
    return threshold if side == "BUY" else 100.0 - threshold


def facing(value: float, side: Trade) -> float:
    return value if side == "BUY" else 100.0 - value


PARAMETER = Parameter(
    name="rsi_threshold",
    fields=("rsi",),
    default=70.0,
    low=50.0,
    high=90.0,
    value_low=0.0,
    value_high=100.0,
    comparison=at_most_for_buy,
    limit=limit,
    facing=facing,
    spread=12.0,
    sense=-1,
)
