"""Which candles may come in, and what becomes of those that are known already."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import COLUMNS, Candles, Floats
from ml_service.domain.market.intervals import interval_ms

AMOUNT_MIN, AMOUNT_MAX = 1e-15, 1e18
"""Of prices and quantities: beyond them no market trades, and products of a few would leave the numbers there are."""
FIRST_MS = 1_230_940_800_000
"""2009-01-03, when the first coin came into being."""
SAME = 1e-9
"""Two files that round differently still speak of the same bar."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RefusedBar:
    opened_at_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Added:
    """What became of candles, bar for bar."""

    new: int = 0
    same: int = 0
    corrected: int = 0
    refused: tuple[RefusedBar, ...] = ()

    def __add__(self, other: "Added") -> "Added":
        return Added(
            self.new + other.new,
            self.same + other.same,
            self.corrected + other.corrected,
            self.refused + other.refused,
        )


def admitted(candles: Candles, interval: str, now_ms: int) -> tuple[Candles, tuple[RefusedBar, ...]]:
    """In the order of time; without those that are no candles, are not closed yet, or come twice."""
    order = np.argsort(candles.opened_at_ms, kind="stable")
    candles = candles[order]
    length = interval_ms(interval)
    complaints = complaints_about(candles, length, now_ms)
    refused = tuple(RefusedBar(int(candles.opened_at_ms[at]), why) for at, why in sorted(complaints.items()))
    if complaints:
        keep = np.ones(len(candles), bool)
        keep[list(complaints)] = False
        candles = candles[keep]
    return candles, refused


def complaints_about(candles: Candles, length_ms: int, now_ms: int) -> dict[int, str]:
    """By position. The first thing wrong with a bar is the one that is told."""
    found: dict[int, str] = {}
    for why, wrong in flaws(candles, length_ms, now_ms):
        for at in np.flatnonzero(wrong).tolist():
            found.setdefault(at, why)
    again = np.flatnonzero(np.diff(candles.opened_at_ms) == 0) + 1
    for at in again.tolist():
        if not alike(candles[at - 1 : at], candles[at : at + 1])[0]:
            found.setdefault(at, "the same bar twice, with other values")
        else:
            found.setdefault(at, "the same bar twice")
    return found


def flaws(candles: Candles, length_ms: int, now_ms: int) -> list[tuple[str, Flags]]:
    prices = (candles.open, candles.high, candles.low, candles.close)
    with np.errstate(invalid="ignore"):
        return [
            ("not on the grid of its interval", candles.opened_at_ms % length_ms != 0),
            ("before 2009", candles.opened_at_ms < FIRST_MS),
            ("not closed yet", candles.opened_at_ms + length_ms > now_ms),
            ("a price is missing or not a number", ~np.isfinite(np.sum(prices, axis=0))),
            ("a price is not above zero", np.min(prices, axis=0) <= 0.0),
            ("a price is beyond reason", (np.min(prices, axis=0) < AMOUNT_MIN) | (np.max(prices, axis=0) > AMOUNT_MAX)),
            ("high is below open, low or close", candles.high < np.max(prices, axis=0)),
            ("low is above open, high or close", candles.low > np.min(prices, axis=0)),
            ("volume is missing, negative or not a number", ~(candles.volume >= 0.0) | np.isinf(candles.volume)),
            ("volume is beyond reason", (candles.volume > AMOUNT_MAX) | tiny(candles.volume) | tiny(candles.taker_buy)),
            ("more was bought than traded", candles.taker_buy > candles.volume * (1 + SAME)),
            ("the order book is crossed", candles.best_bid > candles.best_ask),
            ("a part of the order book is beyond reason", bad_book(candles)),
        ]


def bad_book(candles: Candles) -> Flags:
    bad = np.zeros(len(candles), bool)
    for name in COLUMNS[5:]:
        column: Floats = getattr(candles, name)
        bad |= (column < 0.0) | (column > AMOUNT_MAX) | tiny(column)
    return bad


def tiny(column: Floats) -> Flags:
    return (column > 0.0) & (column < AMOUNT_MIN)


def alike(stored: Candles, told: Candles) -> Flags:
    """Bar for bar. What is not told anew says nothing against what is known."""
    same = np.ones(len(told), bool)
    for name in COLUMNS:
        known, new = getattr(stored, name), getattr(told, name)
        same &= np.isnan(new) | np.isclose(known, new, rtol=SAME, atol=0.0)
    return same


def difference(stored: Candles, told: Candles) -> str:
    """Of one bar each: what was told otherwise."""
    parts = []
    for name in COLUMNS:
        known, new = float(getattr(stored, name)[0]), float(getattr(told, name)[0])
        if not (np.isnan(new) or np.isclose(known, new, rtol=SAME, atol=0.0)):
            parts.append(f"{name} {'was not told' if np.isnan(known) else format(known, '.15g')}, now {new:.15g}")
    return "; ".join(parts)
