"""Examples: rows of features in the order of time, and what became of the price after some of them."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml_service.features.schema import Schema

Rows = NDArray[np.float32]
Figures = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Examples:
    """Some rows of a table are examples; the others are there for models that look back."""

    schema: Schema
    rows: Rows
    """One for every bar, oldest first, one column for every feature; NaN where it is missing."""
    follows: NDArray[np.bool_]
    """Whether a row's bar came right after the one before it: nothing looks back over a gap."""
    opened_at_ms: Places
    places: Places
    """Which rows are examples, ascending."""
    rose: NDArray[np.int8]
    """For each example, whether prices rose farther than they fell, as the label says: 1 or 0."""
    weights: NDArray[np.float64]
    known_from: Places
    """For each example, the first place at which its label is known: no training before it may use it."""

    def __len__(self) -> int:
        return int(self.places.size)

    def some(self, chosen: NDArray[np.bool_] | Places) -> Self:
        """These examples, over the same table."""
        return replace(
            self,
            places=self.places[chosen],
            rose=self.rose[chosen],
            weights=self.weights[chosen],
            known_from=self.known_from[chosen],
        )

    def windows(self, rows_back: int) -> Rows:
        """[example, row, feature]: the last so many rows up to each example's own; NaN before a gap or the start."""
        assert rows_back >= 1
        steps = np.arange(1 - rows_back, 1)
        wanted = self.places[:, None] + steps
        runs = run_lengths(self.follows)[self.places]
        inside = -steps[None, :] < runs[:, None]
        taken: Rows = self.rows[np.where(inside, wanted, 0)]
        taken[~inside] = np.nan
        return taken


def run_lengths(follows: NDArray[np.bool_]) -> Places:
    """For each row, how many in a row end with it."""
    places = np.arange(follows.size)
    starts = np.maximum.accumulate(np.where(follows, 0, places))
    return places - starts + 1
