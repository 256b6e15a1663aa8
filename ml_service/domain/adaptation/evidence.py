"""Evidence: signals whose result is known, kept for as long as an explanation looks back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_service.domain.adaptation.explanation import Estimate
from ml_service.domain.adaptation.library import Vector, passes

PERIODS_MAX = 30
ROWS_MAX = 1_000

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row per signal with a known result. Rounded to 32 bits from the start, so that a learner that was stored
    and one that was not are the same."""

    units: NDArray[np.float32]
    """What the signal carried, in the learner's units; NaN where it carried nothing."""
    results: NDArray[np.float32]
    """In R, after haircut and clipping."""
    accepted: Flags
    days: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.results)

    def after(self, day: int) -> "Evidence":
        """What is younger than that day, and never more rows than an explanation can use."""
        return self.only(np.flatnonzero(self.days > day)[-ROWS_MAX:])

    def on_the_way(self, vector: Vector, index: int, end: float) -> "Evidence":
        """The signals that pass every other limit of the vector and lie between this one and where it would go."""
        units = self.units.astype(np.float64)
        others = vector.copy()
        others[index] = -np.inf
        low, high = sorted((float(vector[index]), end))
        column = units[:, index]
        return self.only(np.flatnonzero(passes(others[None, :], units)[0] & (column >= low) & (column < high)))

    def renewed(self, fresh: "Evidence", strength: NDArray[np.float64]) -> "Evidence":
        """With what became known; a strength below 0 takes back what was known before, if it is still kept."""
        if (strength > 0.0).all():
            return joined([self, fresh])
        known = joined([self, fresh.only(np.flatnonzero(strength > 0.0))])
        taken_back = fresh.only(np.flatnonzero(strength < 0.0)).keys()
        places: dict[bytes, list[int]] = {}
        for row, key in enumerate(known.keys()):
            places.setdefault(key, []).append(row)
        gone = [places[key].pop() for key in taken_back if places.get(key)]
        return known.only(np.setdiff1d(np.arange(len(known)), gone))

    def keys(self) -> list[bytes]:
        """The same for rows that say the same, whatever their day."""
        table = np.column_stack([self.units, self.results, self.accepted.astype(np.float32)])
        return [row.tobytes() for row in table]

    def earlier(self, days: int) -> "Evidence":
        return replace(self, days=self.days - np.int32(days))

    def only(self, rows: NDArray[np.intp] | slice) -> "Evidence":
        return Evidence(self.units[rows], self.results[rows], self.accepted[rows], self.days[rows])


@np.errstate(over="ignore")  # what 32 bits cannot hold is infinite, and still beyond every threshold
def evidence(units: NDArray[np.float64], results: NDArray[np.float64], accepted: Flags, days: ArrayLike) -> Evidence:
    """`days` is one for all of them, or one for each."""
    each = np.broadcast_to(np.asarray(days, dtype=np.int32), (len(results),))
    return Evidence(units.astype(np.float32), results.astype(np.float32), accepted, each)


def joined(parts: Sequence[Evidence]) -> Evidence:
    return Evidence(
        np.concatenate([part.units for part in parts]),
        np.concatenate([part.results for part in parts]),
        np.concatenate([part.accepted for part in parts]),
        np.concatenate([part.days for part in parts]),
    )


def no_evidence(parameters: int) -> Evidence:
    return evidence(np.empty((0, parameters)), np.empty(0), np.empty(0, dtype=np.bool_), 0)


Z = 1.96


def mean_by_day(results: NDArray[np.float32], days: NDArray[np.int32]) -> Estimate | None:
    """The mean result of one signal. Those of one day overlap in time, so days are the independent pieces."""
    if len(results) == 0:
        return None
    mean = float(np.mean(results, dtype=np.float64))
    numbers, positions = np.unique(days, return_inverse=True)
    if len(numbers) < 2:
        return Estimate(mean, None, None, len(results))
    residuals = np.bincount(positions, weights=results.astype(np.float64) - mean)
    pieces = len(numbers)
    error = float(np.sqrt(np.sum(residuals**2) * pieces / (pieces - 1))) / len(results)
    return Estimate(mean, mean - Z * error, mean + Z * error, len(results))


def sum_per_day(results: NDArray[np.float32], days: NDArray[np.int32], all_days: int) -> Estimate | None:
    """The mean of the daily sums, over all days of the window, those without a signal included."""
    if all_days < 2:
        return None
    _, positions = np.unique(days, return_inverse=True)
    sums = np.zeros(all_days)
    if len(results):
        filled = np.bincount(positions, weights=results.astype(np.float64))
        sums[: len(filled)] = filled
    error = float(np.std(sums, ddof=1) / np.sqrt(all_days))
    mean = float(sums.mean())
    return Estimate(mean, mean - Z * error, mean + Z * error, all_days)
