"""Metrics: what probabilities were worth, once it is known what came true.

Every figure takes how often each row counts, so that it can be told of redrawn rows as well.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.models.calibration import NEAREST

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

BINS = 1_000
"""Chances that are as near as this share ones are ties for the AUC."""
RELIABILITY_BINS = 10


def log_losses(chances: Floats, came_true: Truths) -> Floats:
    """Of each row, in nats."""
    held = np.clip(chances, NEAREST, 1.0 - NEAREST)
    losses: Floats = -np.log(np.where(came_true, held, 1.0 - held))
    return losses


def mean(values: Floats, often: Floats) -> float:
    whole = often.sum()
    return float(values @ often / whole) if whole > 0.0 else float("nan")


def brier(chances: Floats, came_true: Truths) -> float:
    return float(np.mean((chances - came_true) ** 2))


def ranks(figures: Floats) -> NDArray[np.int64]:
    """In bins of equal counts, so that a redrawn AUC needs no sorting."""
    order = np.unique(figures, return_inverse=True)[1]
    count = int(order.max()) + 1 if order.size else 0
    if count <= BINS:
        return order.astype(np.int64)
    place = np.argsort(np.argsort(order, kind="stable"), kind="stable")
    firsts = np.zeros(count, np.int64)
    np.maximum.at(firsts, order, place)
    return (firsts[order] * BINS // order.size).astype(np.int64)


def auc(ranked: NDArray[np.int64], came_true: Truths, often: Floats) -> float:
    """The chance that of two rows the one that came true has the higher figure; NaN where all came to the same."""
    bins = int(ranked.max()) + 1
    true = np.bincount(ranked, often * came_true, bins)
    false = np.bincount(ranked, often * ~came_true, bins)
    pairs = true.sum() * false.sum()
    if not pairs > 0.0:
        return float("nan")
    below = np.cumsum(false) - false
    return float(np.sum(true * (below + 0.5 * false)) / pairs)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Of the rows that were told to come true from a chance on."""

    threshold: float
    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float

    @property
    def precision(self) -> float:
        return divided(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        return divided(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        return divided(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)


def divided(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else float("nan")


def confusion(chances: Floats, came_true: Truths, threshold: float, often: Floats | None = None) -> Confusion:
    counts = np.ones(chances.size) if often is None else often
    told = chances >= threshold
    return Confusion(
        threshold,
        *(
            float(counts[one].sum())
            for one in (told & came_true, told & ~came_true, ~told & ~came_true, ~told & came_true)
        ),
    )


@dataclass(frozen=True, slots=True)
class Reliable:
    """Of the rows with a chance between two edges: what was told, and what came."""

    told: float
    came: float
    rows: int


def reliability(chances: Floats, came_true: Truths, bins: int = RELIABILITY_BINS) -> tuple[Reliable, ...]:
    """In bins of equal counts; equal chances stay together, so there may be fewer of them."""
    order = np.argsort(chances, kind="stable")
    chances, came_true = chances[order], came_true[order]
    wished = np.linspace(0, chances.size, bins + 1).round().astype(np.int64)
    # Each edge moves to the first row of its chance; of fewer rows than bins, some lie past the end.
    edges = sorted(
        {int(np.searchsorted(chances, chances[edge])) for edge in wished[:-1] if edge < chances.size} | {chances.size}
    )
    return tuple(
        Reliable(float(chances[low:high].mean()), float(came_true[low:high].mean()), high - low)
        for low, high in pairwise(edges)
    )


def calibration_error(chances: Floats, came_true: Truths, bins: int = RELIABILITY_BINS) -> float:
    """Expected calibration error: how far apart told and come are on average."""
    found = reliability(chances, came_true, bins)
    return sum(abs(one.told - one.came) * one.rows for one in found) / chances.size
