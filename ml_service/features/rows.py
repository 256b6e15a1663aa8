"""Rows: all features of a bar side by side, in the order of the schema."""

import math
from collections.abc import Sequence

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import FEATURES

WARM_UP_BARS = max(feature.warm_up for feature in FEATURES.values())


def settled_bars() -> int:
    needed = []
    for feature in FEATURES.values():
        assert feature.settling is not None, f"{feature.name} cannot be rebuilt from the last candles"
        needed.append(feature.warm_up + feature.settling + 1)
    return max(needed)


SETTLED_BARS = settled_bars()
"""So many last bars tell each feature as all bars since the beginning would, to 1e-9."""


def table(candles: Candles) -> Floats:
    """One row for every bar, one column for every feature; what cannot be told is NaN."""
    columns = np.empty((len(FEATURES), len(candles)))
    for column, feature in zip(columns, FEATURES.values(), strict=True):
        column[:] = feature.batch(candles)
    return columns.T


class Live:
    """The features of one stream of candles, bar by bar as they close.

    It keeps what it needs in memory and nothing besides; after a restart, `warmed` brings it back.
    """

    def __init__(self) -> None:
        self._steps = tuple(feature.stream() for feature in FEATURES.values())
        self._last_ms: int | None = None

    def step(self, candle: Candle) -> tuple[float, ...]:
        assert self._last_ms is None or candle.opened_at_ms > self._last_ms
        self._last_ms = candle.opened_at_ms
        return tuple([step(candle) for step in self._steps])

    @property
    def last_ms(self) -> int | None:
        """When the last bar opened that it has taken in."""
        return self._last_ms


def warmed(candles: Candles) -> Live:
    """As if it had never stopped; give it the last `SETTLED_BARS` candles, or all where there are fewer."""
    live = Live()
    for candle in candles[-SETTLED_BARS:].rows():
        live.step(candle)
    return live


def missing(values: Sequence[float]) -> tuple[str, ...]:
    """Of a row: the features that could not be told."""
    return tuple([name for name, value in zip(FEATURES, values, strict=True) if math.isnan(value)])
