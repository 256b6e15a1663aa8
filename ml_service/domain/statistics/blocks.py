"""Blocks: intervals for figures of rows that are not independent, since the labels of neighbours overlap.

Whole stretches of rows are drawn with replacement, round the end as if it were followed by the beginning
(circular block bootstrap, Politis and Romano 1992). They are as long as the rows remember; what blocks still cut apart,
and that there are few of them, widens the interval.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.statistics.estimate import Estimate
from ml_service.domain.statistics.persistence import persistence
from ml_service.domain.statistics.student import NORMAL_QUANTILE, student_quantile

Floats = NDArray[np.float64]

DRAWS = 400
BLOCKS_MIN = 8
"""With fewer, draws hardly differ, and an interval would look narrower than anybody knows."""


@dataclass(frozen=True, slots=True)
class Blocks:
    length: int
    widening: float
    """Of a standard error that is told from such blocks."""


def blocks_of(series: Floats, overlap: int) -> Blocks | None:
    """At least twice as long as labels overlap, at least the cube root of the rows, and as long as the series
    remembers; None where there would be too few."""
    rows = series.size
    least = max(2 * overlap, round(math.cbrt(rows)), 1)
    if rows < BLOCKS_MIN * least:
        return None
    found = persistence(series)
    length = max(least, min(found.block_rows(rows), rows // BLOCKS_MIN))
    return Blocks(length, found.widening(length))


def draws(rows: int, length: int, seed: int, count: int = DRAWS) -> Iterator[Floats]:
    """How often each row is in each draw."""
    random = np.random.default_rng(seed)
    blocks = -(-rows // length)
    for _ in range(count):
        begins = random.integers(0, rows, blocks)
        ends = begins + min(length, rows)
        edges = np.bincount(begins, minlength=2 * rows) - np.bincount(ends, minlength=2 * rows)
        often = np.cumsum(edges).astype(np.float64)
        yield often[:rows] + often[rows:]


def estimated(
    figure: Callable[[Floats], float], series: Floats, overlap: int, seed: int = 0, count: int = DRAWS
) -> Estimate:
    """`figure` is told how often each row counts; NaN where it cannot be told of such rows."""
    return estimated_together({"": figure}, series, overlap, seed, count)[""]


def estimated_together(
    figures: Mapping[str, Callable[[Floats], float]], series: Floats, overlap: int, seed: int = 0, count: int = DRAWS
) -> dict[str, Estimate]:
    """Several figures of the same draws. `series` has what the figures are made of, row by row in the order of time."""
    rows = series.size
    blocks = blocks_of(series, overlap) if rows else None
    drawn = list(draws(rows, blocks.length, seed, count)) if blocks is not None else []
    wider = blocks.widening * few(rows // blocks.length) if blocks is not None else 1.0
    return {
        name: between(figure(np.ones(rows)), [figure(often) for often in drawn], wider)
        for name, figure in figures.items()
    }


def few(blocks: int) -> float:
    """By how much an interval from so few is wider than one from many."""
    return student_quantile(blocks - 1) / NORMAL_QUANTILE


def between(value: float, found: Sequence[float], wider: float) -> Estimate:
    told = np.array([one for one in found if math.isfinite(one)])
    if not math.isfinite(value) or not told.size or 2 * told.size < len(found):
        return Estimate(value)
    low, high = np.quantile(told, (0.025, 0.975)).tolist()
    # Draws may all lie on one side of a figure that is no mean.
    return Estimate(value, value - wider * max(value - low, 0.0), value + wider * max(high - value, 0.0))


def standard_error(values: Floats, overlap: int) -> float:
    """Of the mean of rows in the order of time, from the sums of blocks; NaN where there are too few."""
    found = blocks_of(values, overlap) if values.size else None
    if found is None:
        return float("nan")
    blocks = values.size // found.length
    distances = values - values.mean()
    sums = distances[: blocks * found.length].reshape(blocks, found.length).sum(axis=1)
    return found.widening * float(np.sqrt(np.sum(sums**2) * blocks / (blocks - 1)) / (blocks * found.length))
