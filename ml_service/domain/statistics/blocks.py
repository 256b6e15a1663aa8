"""Blocks: intervals for figures of rows that are not independent, since the labels of neighbours overlap.

Whole stretches of rows are drawn with replacement, round the end as if it were followed by the beginning
(circular block bootstrap, Politis and Romano 1992).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.statistics.estimate import Estimate

Floats = NDArray[np.float64]

DRAWS = 400
BLOCKS_MIN = 8
"""With fewer, draws hardly differ, and an interval would look narrower than anybody knows."""


def block_rows(rows: int, overlap: int) -> int:
    """Twice as long as labels overlap, at least the cube root of the rows."""
    return max(2 * overlap, round(math.cbrt(rows)), 1)


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
    figure: Callable[[Floats], float], rows: int, overlap: int, seed: int = 0, count: int = DRAWS
) -> Estimate:
    """`figure` is told how often each row counts; NaN where it cannot be told of such rows."""
    return estimated_together({"": figure}, rows, overlap, seed, count)[""]


def estimated_together(
    figures: Mapping[str, Callable[[Floats], float]], rows: int, overlap: int, seed: int = 0, count: int = DRAWS
) -> dict[str, Estimate]:
    """Several figures of the same draws."""
    length = block_rows(rows, overlap)
    enough = rows >= BLOCKS_MIN * length
    drawn = list(draws(rows, length, seed, count)) if enough else []
    return {
        name: between(figure(np.ones(rows)), [figure(often) for often in drawn]) for name, figure in figures.items()
    }


def between(value: float, found: Sequence[float]) -> Estimate:
    told = np.array([one for one in found if math.isfinite(one)])
    if not told.size or 2 * told.size < len(found):
        return Estimate(value)
    low, high = np.quantile(told, (0.025, 0.975)).tolist()
    return Estimate(value, low, high)


def standard_error(values: Floats, overlap: int) -> float:
    """Of the mean of rows in the order of time, from the sums of blocks; NaN where there are too few."""
    length = block_rows(values.size, overlap)
    blocks = values.size // length
    if blocks < BLOCKS_MIN:
        return float("nan")
    distances = values - values.mean()
    sums = distances[: blocks * length].reshape(blocks, length).sum(axis=1)
    return float(np.sqrt(np.sum(sums**2) * blocks / (blocks - 1)) / (blocks * length))
