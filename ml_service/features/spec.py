"""What a market feature is: one number after every bar, worked out for many bars at once or for one bar at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, log
from typing import Literal

from ml_service.domain.market.candles import Candle, Candles, Floats

Group = Literal["price", "volume", "book", "technical", "trend", "momentum", "volatility", "statistics"]

Step = Callable[[Candle], float]
"""Takes the next bar in, and tells the value after it; NaN where there is none."""

ROUNDING = 1e-12
"""A market that moves by less than this share of its price stands still: the rest is rounding, or the fading trace of a
move long ago. Nothing is divided by it. The finest price steps there are lie a thousand times above."""

FORGOTTEN = 1e-24
"""What is left of an old move after this much fading no longer matters, also where it is measured by a market that all
but stands still: 1e-9 of `ROUNDING`, and some to spare."""


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
    settling: int | None = 0
    """As many bars after the warm-up it takes until nothing before them matters any more, to 1e-9. None where that
    never comes, because everything since the first bar is added up."""


def settling_of(share: float) -> int:
    """Of an average that moves by this share of the way to each new value."""
    return ceil(log(FORGOTTEN) / log(1.0 - share))
