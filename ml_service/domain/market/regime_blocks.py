"""Blocks: figures of bars that depend on each other, with their interval.

Bars come in moods that last, so that a thousand of them are worth far fewer. The blocks are the independent pieces:
a figure is worked out again without each of them (delete-a-group jackknife; Shao and Tu 1995, 2.3), and what that
changes is how far it may be off.
"""

import math
from collections.abc import Callable

import numpy as np

from ml_service.domain.market.candles import Floats
from ml_service.domain.statistics.estimate import Estimate
from ml_service.domain.statistics.student import student_quantile

Figure = Callable[[Floats], Floats]
"""From sums, which lie along the last axis, to the figure."""

PIECES_MIN = 10
"""With fewer blocks that have anything in them there is no interval."""


def block_sums(columns: Floats, block_bars: int) -> Floats:
    """A row for each block, from a row for each bar."""
    sums: Floats = np.add.reduceat(columns, np.arange(0, len(columns), block_bars), axis=0)
    return sums


def estimated(figure: Figure, sums: Floats) -> Estimate | None:
    """None where there is no figure at all."""
    whole = sums.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(whole))
        others = figure(whole - sums)
    if not math.isfinite(value):
        return None
    pieces = int(np.count_nonzero(sums.any(axis=1)))
    if pieces < PIECES_MIN or not np.isfinite(others).all():
        return Estimate(value)
    blocks = others.size
    error = math.sqrt(float(np.sum((others - others.mean()) ** 2)) * (blocks - 1) / blocks)
    half = student_quantile(pieces - 1) * error
    return Estimate(value, value - half, value + half)
