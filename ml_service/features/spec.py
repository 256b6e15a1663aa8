"""What a market feature is: one number after every bar, worked out for many bars at once or for one bar at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml_service.domain.market.candles import Candle, Candles, Floats

Group = Literal["price", "volume", "book", "technical", "trend", "momentum", "volatility", "statistics"]

Step = Callable[[Candle], float]
"""Takes the next bar in, and tells the value after it; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Both forms give the same value for the same bars, and neither looks beyond the bar it speaks of.

    A value that cannot be told (too few bars yet, nothing to divide by, no order book) is NaN: missing, not zero.
    """

    name: str
    group: Group
    warm_up: int
    """As many bars at the beginning of a series have no value."""
    batch: Callable[[Candles], Floats]
    stream: Callable[[], Step]
    """A fresh one, which has seen no bar yet."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """What it was worked out with; part of the schema's hash."""
    scale_free: bool = True
    """The same when all prices, or all volumes, are multiplied by a number."""
