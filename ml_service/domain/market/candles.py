"""Candles: one bar, and many of them column by column."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Moments = NDArray[np.int64]


class Stream(NamedTuple):
    """Which candles: one symbol at one venue, in one interval. Venues are never mixed: prices and units differ."""

    venue: str
    symbol: str
    interval: str

    def __str__(self) -> str:
        return f"{self.venue} {self.symbol} {self.interval}"


class Candle(NamedTuple):
    """One closed bar. What was not told is NaN: never zero, and never a plausible stand-in.

    A tuple rather than a dataclass: every streaming feature reads it for every bar.
    """

    opened_at_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    """In the unit of its venue; the stream says which."""
    taker_buy: float = nan
    """The part of the volume that buyers took from the book."""
    best_bid: float = nan
    best_ask: float = nan
    bid_top: float = nan
    """Quantity at the best bid …"""
    ask_top: float = nan
    bid_ten: float = nan
    """… and over the ten best levels, when the bar closed."""
    ask_ten: float = nan


COLUMNS = Candle._fields[1:]
"""All but the time."""


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Many bars in the order of time; every column as long as the others."""

    opened_at_ms: Moments
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    taker_buy: Floats
    best_bid: Floats
    best_ask: Floats
    bid_top: Floats
    ask_top: Floats
    bid_ten: Floats
    ask_ten: Floats

    def __len__(self) -> int:
        return self.opened_at_ms.size

    def __getitem__(self, part: slice | NDArray[np.intp] | NDArray[np.bool_]) -> "Candles":
        return Candles(self.opened_at_ms[part], *(getattr(self, name)[part] for name in COLUMNS))

    def rows(self) -> Iterator[Candle]:
        columns = (getattr(self, name).tolist() for name in COLUMNS)
        return map(Candle, self.opened_at_ms.tolist(), *columns)


def candles_of(
    opened_at_ms: Moments, open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats, **told: Floats
) -> Candles:
    """Columns that were not told are missing throughout."""
    missing = np.full(opened_at_ms.size, np.nan)
    extra = {name: told.pop(name, missing) for name in COLUMNS[5:]}
    assert not told, f"no such column: {', '.join(told)}"
    columns = (open, high, low, close, volume)
    assert all(column.size == opened_at_ms.size for column in (*columns, *extra.values()))
    return Candles(np.asarray(opened_at_ms, np.int64), *(np.asarray(one, np.float64) for one in columns), **extra)


def candles_from(rows: Iterable[Candle]) -> Candles:
    rows = list(rows)
    moments = np.fromiter((row.opened_at_ms for row in rows), np.int64, len(rows))
    values = np.array([row[1:] for row in rows], np.float64).reshape(len(rows), len(COLUMNS))
    return Candles(moments, *(np.ascontiguousarray(values[:, i]) for i in range(len(COLUMNS))))


def joined(parts: Iterable[Candles]) -> Candles:
    parts = list(parts)
    if not parts:
        return candles_from(())
    return Candles(
        np.concatenate([part.opened_at_ms for part in parts]),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS),
    )
