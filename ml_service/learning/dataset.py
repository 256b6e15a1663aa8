"""A data set: labelled rows of features in the order of time, with what either side would have come to."""

from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Floats, Moments
from ml_service.features.schema import Schema
from ml_service.learning.examples import Examples, Places, Rows

ROWS_AT_ONCE = 8_192
"""Windows of so many rows are held in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    schema: Schema
    rows: Rows
    """A table: one row for every bar, one column for every feature."""
    follows: NDArray[np.bool_]
    opened_at_ms: Moments
    moves: Floats
    """Of each bar, its return from close to close; NaN where it is not known. Nothing learns from them: they tell
    whether a feature knows too early what comes."""

    places: Places
    """Of the labelled rows in the table, ascending; the columns below have one entry for each."""
    known_from: Places
    """The first place at which the label is known."""
    bought: Floats
    """Net return of a purchase; NaN where nobody knows …"""
    sold: Floats
    """… and of a sale."""
    keep: NDArray[np.bool_]
    """Whether training may learn from it; what is noise in training is tested on all the same."""
    regime: NDArray[np.int8]
    """A place in REGIMES, or UNKNOWN."""
    overlap: int
    """So many neighbours may share a part of their future."""

    def __len__(self) -> int:
        return int(self.places.size)

    @property
    def bar_ms(self) -> int:
        """How long a bar is; over gaps, the next one opens later."""
        return int(np.diff(self.opened_at_ms).min()) if self.opened_at_ms.size > 1 else 0

    def some(self, chosen: NDArray[np.bool_] | Places) -> Self:
        return replace(self, **{name: getattr(self, name)[chosen] for name in LABELLED})

    @property
    def rose(self) -> NDArray[np.int8]:
        """1 where a purchase paid, 0 where a sale did, −1 where neither is known to have done so.

        Where one side alone is known, that it did not pay speaks for the other: decisions have one side each.
        """
        one_side = np.isnan(self.bought) | np.isnan(self.sold)
        rose = (self.bought > 0.0) | (one_side & (self.sold <= 0.0))
        fell = (self.sold > 0.0) | (one_side & (self.bought <= 0.0))
        return np.where(rose, 1, np.where(fell, 0, -1)).astype(np.int8)

    @property
    def teaches(self) -> NDArray[np.bool_]:
        """Which rows are examples to learn from."""
        return self.keep & (self.rose >= 0)

    def examples(self) -> Examples:
        """Those to learn from, weighted so that risen and fallen ones count alike; their mean weight is 1."""
        chosen = self.some(self.teaches)
        rose = chosen.rose
        return chosen._examples(rose, balanced(rose))

    def _examples(self, rose: NDArray[np.int8], weights: Floats) -> Examples:
        return Examples(
            schema=self.schema,
            rows=self.rows,
            follows=self.follows,
            opened_at_ms=self.opened_at_ms,
            places=self.places,
            rose=rose,
            weights=weights,
            known_from=self.known_from,
        )

    def windows(self, rows_back: int) -> Rows:
        """Of every labelled row, also those that teach nothing."""
        return self._examples(self.rose, np.ones(len(self))).windows(rows_back)

    def parts(self) -> list[Self]:
        """One after the other, each small enough to be held as windows."""
        cuts = range(0, len(self), ROWS_AT_ONCE)
        return [self.some(np.arange(cut, min(cut + ROWS_AT_ONCE, len(self)))) for cut in cuts]

    @property
    def hash(self) -> str:
        """The same for the same rows and labels, on every machine."""
        found = sha256(f"{self.schema.hash} {self.overlap} {self.rows.shape}".encode())
        for one in fields(self):
            if one.name not in ("schema", "overlap"):
                column = np.ascontiguousarray(getattr(self, one.name))
                # Missing is missing, whatever bits stand for it, and so is zero.
                plain = np.where(np.isnan(column), np.nan, column + 0.0) if column.dtype.kind == "f" else column
                found.update(plain.astype(column.dtype.newbyteorder("<")).tobytes())
        return found.hexdigest()


LABELLED = ("places", "known_from", "bought", "sold", "keep", "regime")


def balanced(rose: NDArray[np.int8]) -> Floats:
    counts = np.bincount(rose, minlength=2).astype(np.float64)
    if not counts.all():
        return np.ones(rose.size)
    weights: Floats = (rose.size / (2.0 * counts))[rose]
    return weights
