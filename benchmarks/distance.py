"""How often the distance notices feature rows that were changed, on real candles, and how often it cries wolf.

    python -m benchmarks.distance [ROUNDS]

It is learned on the first 70 % of the last 365 days of each file of `klines_open` in the folder that
ML_SERVICE_TEST_DATA names; the later rows are changed in so many rounds, 100 if left out, with features and moments
drawn anew each time. Beside the service's distance: that of the values without their tails held (Mahalanobis), and one
that takes each feature for itself, both in the same unit. One core, some minutes.
"""

import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import table
from benchmarks.training import FILES, prepared
from ml_service.domain.models.distance import ROOM, USUAL_SHARE, Measure, distances, nearness
from ml_service.domain.statistics.student import NORMAL_QUANTILE

DAYS = 365.0
LEARNED_SHARE = 0.7
UNIT = 100.0
ALARMS = 0.001
"""Of unchanged rows, where measures are compared with limits of their own."""
WAYS = ("the service", "values alone", "each feature for itself")

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Way:
    of: Callable[[Rows], Floats]
    quiet: float
    """The limit at which it raises as few alarms as the others."""


@dataclass(frozen=True, slots=True)
class Later:
    rows: Rows
    present: NDArray[np.int64]
    """The features that these candles have at all."""
    ways: tuple[Way, ...]


Change = Callable[[Later, Random], Rows]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    folder = Path(os.environ.get("ML_SERVICE_TEST_DATA", "")) / "klines_open"
    if not all((folder / f"{name}.parquet").is_file() for name, _ in FILES):
        sys.exit(f"there are no candles in {folder}; ML_SERVICE_TEST_DATA names the folder above klines_open")
    series = [later(folder, name, interval) for name, interval in FILES]
    found = {
        what: np.array(
            [[noticed(one, change, (seed, place)) for place, one in enumerate(series)] for seed in range(rounds)]
        )
        for what, change in CHANGES.items()
    }
    print(f"Noticed, % of the later rows of {len(series)} series; ± by luck of {rounds} rounds (95 %); least and most.")
    print(f"\n{told(found, 0)}\n\nWith limits that {ALARMS:.1%} of the unchanged rows lie beyond:\n\n{told(found, 1)}")


def later(folder: Path, name: str, interval: str) -> Later:
    dataset, _ = prepared(folder, name, interval, ("logistic",), DAYS)
    rows = dataset.rows[dataset.places]
    cut = round(LEARNED_SHARE * len(rows))
    learned, rest = rows[:cut], rows[cut:]
    near, alone = nearness(learned), diagonal(learned.astype(np.float64))
    told: tuple[Callable[[Rows], Floats], ...] = (
        lambda rows: distances(rows, near),
        lambda rows: near.plain.of(rows.astype(np.float64)),
        lambda rows: alone.of(rows.astype(np.float64)),
    )
    ways = tuple(Way(of, float(np.quantile(of(rest), 1.0 - ALARMS))) for of in told)
    return Later(rest, np.flatnonzero(np.isfinite(learned).any(axis=0)), ways)


def diagonal(values: Floats) -> Measure:
    there = np.isfinite(values).any(axis=0)
    center, scale = np.zeros(there.size), np.zeros(there.size)
    center[there], scale[there] = np.nanmean(values[:, there], axis=0), np.nanstd(values[:, there], axis=0)
    inverse = np.diag(np.divide(1.0, scale**2, out=np.zeros(there.size), where=scale > 0.0))
    usual = float(np.quantile(Measure(center, inverse).of(values), USUAL_SHARE))
    return Measure(center, inverse / usual**2)


def noticed(series: Later, change: Change, seed: tuple[int, int]) -> list[list[float]]:
    """The share of rows beyond the limit as it stands, and beyond one of its own, in each way."""
    changed = change(series, np.random.default_rng(seed))
    found = [(way.of(changed), way.quiet) for way in series.ways]
    return [[float(np.mean(far > ROOM)) for far, _ in found], [float(np.mean(far > quiet)) for far, quiet in found]]


def unchanged(series: Later, random: Random) -> Rows:
    return series.rows


def moved(count: int, change: Callable[[Rows, Random], Rows], series: Later, random: Random) -> Rows:
    """So many features of all rows, each for itself."""
    rows = series.rows.copy()
    for place in random.choice(series.present, count, replace=False).tolist():
        rows[:, place] = change(rows[:, place], random)
    return rows


def from_other_moments(column: Rows, random: Random) -> Rows:
    return random.permutation(column)


def turned_round(column: Rows, random: Random) -> Rows:
    found: Rows = 2.0 * np.nanmedian(column) - column
    return found


def in_another_unit(column: Rows, random: Random) -> Rows:
    found: Rows = UNIT * column
    return found


CHANGES: Mapping[str, Change] = {
    "as they are": unchanged,
    "three features of other moments": partial(moved, 3, from_other_moments),
    "eight features of other moments": partial(moved, 8, from_other_moments),
    "three features turned round": partial(moved, 3, turned_round),
    "one feature in another unit": partial(moved, 1, in_another_unit),
}


def told(found: Mapping[str, Floats], limit: int) -> str:
    """Of [round, series, limit, way]."""
    rows = [[what, *(cell(one[:, :, limit, way]) for way in range(len(WAYS)))] for what, one in found.items()]
    return table(("rows", *WAYS), rows)


def cell(found: Floats) -> str:
    """Of [round, series]."""
    error = NORMAL_QUANTILE * float(found.mean(axis=1).std()) / math.sqrt(max(len(found) - 1, 1))
    each = found.mean(axis=0)
    return f"{100 * found.mean():.2f} ± {100 * error:.2f} ({100 * each.min():.2f} to {100 * each.max():.2f})"


if __name__ == "__main__":
    main()
