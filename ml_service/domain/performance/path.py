"""Path: how cumulated profit went, kept so that a drawdown across two days is found from the two."""

from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple


class Path(NamedTuple):
    """Everything is told from its own start, which is 0 and part of it."""

    end: float = 0.0
    high: float = 0.0
    low: float = 0.0
    drawdown: float = 0.0
    """The deepest fall below an earlier high; positive."""

    def then(self, after: "Path") -> "Path":
        return Path(
            self.end + after.end,
            max(self.high, self.end + after.high),
            min(self.low, self.end + after.low),
            max(self.drawdown, after.drawdown, self.high - (self.end + after.low)),
        )


NO_PATH = Path()


def path_of(steps: Iterable[float]) -> Path:
    levels = list(accumulate(steps, initial=0.0))
    highs = accumulate(levels, max)
    drawdown = max(high - level for high, level in zip(highs, levels, strict=True))
    return Path(levels[-1], max(levels), min(levels), drawdown)
