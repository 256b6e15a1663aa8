"""One column of numbers in figures: where its values lie, whether they wander, and how much each says of the next.

A value that is no number is missing, and counts nowhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Floats, Moments

QUANTILES = (0.01, 0.05, 0.25, 0.50, 0.75, 0.95, 0.99)
BINS = 40
VALUES_MIN = 30
"""Of fewer, nothing is said of drift and autocorrelation."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Histogram:
    """From the first to the last quantile, in bins of equal width: a few values far out would squeeze all others."""

    low: float
    high: float
    counts: tuple[int, ...]
    below: int
    above: int


@dataclass(frozen=True, slots=True)
class Column:
    bars: int
    told: int
    """So many of them have a value."""
    quantiles: tuple[float, ...] | None
    """In the order of QUANTILES; None of nothing, as below."""
    histogram: Histogram | None
    drift: float | None
    """The median of the last third of the bars less that of the first, in spans between the quartiles of all."""
    autocorrelation: float | None
    """Of neighbouring bars, with no gap between them."""


def column_figures(values: Floats, at: Moments, interval_ms: int) -> Column:
    assert values.size == at.size
    told = np.isfinite(values)
    ordered = np.sort(values[told])
    if not ordered.size:
        return Column(values.size, 0, None, None, None, None)
    quantiles = tuple(np.quantile(ordered, QUANTILES).tolist())
    return Column(
        bars=values.size,
        told=ordered.size,
        quantiles=quantiles,
        histogram=histogram(ordered, quantiles[0], quantiles[-1]),
        drift=drift(values, told, quantiles[4] - quantiles[2]),
        autocorrelation=autocorrelation(values, told, np.diff(at) == interval_ms),
    )


def histogram(ordered: Floats, low: float, high: float) -> Histogram:
    below = int(np.searchsorted(ordered, low, side="left"))
    above = ordered.size - int(np.searchsorted(ordered, high, side="right"))
    if not is_wide(low, high):
        return Histogram(low, high, (ordered.size - below - above,), below, above)
    edges = np.linspace(low, high, BINS + 1)
    places = np.searchsorted(ordered, edges[1:-1], side="left")
    counts = np.diff(np.concatenate(([below], places, [ordered.size - above])))
    return Histogram(low, high, tuple(counts.tolist()), below, above)


def is_wide(low: float, high: float) -> bool:
    """Wide enough that bins are more than rounding."""
    return high - low > 1e-9 * max(abs(low), abs(high))


def drift(values: Floats, told: Flags, span: float) -> float | None:
    third = values.size // 3
    first = values[:third][told[:third]]
    last = values[values.size - third :][told[values.size - third :]]
    if min(first.size, last.size) < VALUES_MIN or span <= 0.0:
        return None
    return float((np.median(last) - np.median(first)) / span)


def autocorrelation(values: Floats, told: Flags, neighbours: Flags) -> float | None:
    pairs = told[1:] & told[:-1] & neighbours
    before, after = values[:-1][pairs], values[1:][pairs]
    if before.size < VALUES_MIN or not (is_spread(before) and is_spread(after)):
        return None
    before, after = before - before.mean(), after - after.mean()
    return float(before @ after / np.sqrt((before @ before) * (after @ after)))


def is_spread(values: Floats) -> bool:
    return is_wide(float(values.min()), float(values.max()))
