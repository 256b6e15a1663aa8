"""The quality of a stream, told part by part, so that nothing but the part at hand has to be held.

What it comes to is what `quality` says of all parts in one. For each part that went by, only its place in time and the
closes at its ends are kept, and one bit for each bar. Where parts overlap, the earlier one is read again: whether two
bars contradict each other, only both of them can tell.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

import numpy as np

from ml_service.domain.market.candles import COLUMNS, Candles, Floats, Moments, candles_from
from ml_service.domain.market.quality import (
    EXAMPLES,
    Flags,
    Found,
    Move,
    Quality,
    Rule,
    found_at,
    gaps_between,
    largest_move,
    quality,
)

PLACES = 1 << 15
"""So many neighbouring bars share a block of bits."""
PRICES_AND_VOLUME = COLUMNS[:5]

Again = Callable[[], Candles]


class Past(NamedTuple):
    """A part that went by."""

    first_ms: int
    last_ms: int
    first_close: float
    last_close: float
    again: Again | None


@dataclass(slots=True)
class Times:
    """Which bars there are: a bit for each on the grid, and the others as they are."""

    _length: int
    _blocks: dict[int, np.ndarray[tuple[int], np.dtype[np.uint8]]]
    _stray: Moments

    def __init__(self, length_ms: int) -> None:
        self._length, self._blocks, self._stray = length_ms, {}, np.empty(0, np.int64)

    def add(self, times: Moments) -> Flags:
        """Which of them were there before."""
        known = np.isin(times, self._stray)
        stray = times % self._length != 0
        self._stray = np.union1d(self._stray, times[stray])
        places = times // self._length
        for block in np.unique(places[~stray] // PLACES).tolist():
            here = ~stray & (places // PLACES == block)
            bits = self._bits(block)
            within = places[here] - block * PLACES
            known[here] = bits[within]
            bits[within] = 1
            self._blocks[block] = np.packbits(bits)
        return known

    def all(self) -> Moments:
        told = [self._stray]
        for block in self._blocks:
            told.append((np.flatnonzero(self._bits(block)) + block * PLACES) * self._length)
        return np.sort(np.concatenate(told))

    def _bits(self, block: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        packed = self._blocks.get(block)
        return np.zeros(PLACES, np.uint8) if packed is None else np.unpackbits(packed)


class Tally:
    """Grows with every part; each part in the order of time, and each moment in it once."""

    def __init__(self, interval_ms: int) -> None:
        self._length = interval_ms
        self._known = quality(candles_from(()), interval_ms)
        self._times = Times(interval_ms)
        self._past: list[Past] = []

    @property
    def last_ms(self) -> int | None:
        return self._known.last_ms

    def add(self, part: Candles, again: Again | None = None) -> None:
        """`again` reads the part once more; None where no other can overlap with it."""
        at = part.opened_at_ms
        assert np.all(at[1:] > at[:-1])
        if not len(part):
            return
        repeated = self._times.add(at)
        contradicting = np.zeros(len(part), bool)
        if repeated.any():
            contradicting[repeated] = self._contradicted(part[repeated])
        alone = quality(part, self._length)
        late = at < self._known.last_ms if self._known.last_ms is not None else np.zeros(len(part), bool)
        alone = replace(
            alone,
            duplicates=found_at(at, repeated),
            contradicting=found_at(at, contradicting),
            out_of_order=found_at(at, late),
            largest_move=self._largest_move(at[~repeated], part.close[~repeated]),
        )
        self._known = together(self._known, alone)
        self._past.append(Past(int(at[0]), int(at[-1]), float(part.close[0]), float(part.close[-1]), again))

    def quality(self) -> Quality:
        return replace(self._known, gaps=gaps_between(self._times.all(), self._length))

    def _contradicted(self, told: Candles) -> Flags:
        """By the first part that told of the same bar."""
        out = np.zeros(len(told), bool)
        open_places = np.arange(len(told))
        for past in self._past:
            at = told.opened_at_ms[open_places]
            if not at.size or past.last_ms < at[0] or past.first_ms > at[-1]:
                continue
            former = read_again(past)
            here = np.isin(at, former.opened_at_ms)
            places = open_places[here]
            one, other = told[places], former[np.searchsorted(former.opened_at_ms, at[here])]
            out[places] = differences(one, other)
            open_places = open_places[~here]
        return out

    def _largest_move(self, at: Moments, close: Floats) -> Move | None:
        """Between new bars, and from them to the neighbours that other parts have told of."""
        wanted = np.setdiff1d(np.concatenate((at - self._length, at + self._length)), at)
        for times, closes in self._closes(wanted):
            at, close = np.concatenate((at, times)), np.concatenate((close, closes))
        order = np.argsort(at, kind="stable")
        return largest_move(at[order], close[order], self._length)

    def _closes(self, wanted: Moments) -> Iterator[tuple[Moments, Floats]]:
        for past in self._past:
            # Most parts lie one after the other, and there may be thousands.
            if not wanted.size or past.last_ms < wanted[0] or past.first_ms > wanted[-1]:
                continue
            within = wanted[(wanted >= past.first_ms) & (wanted <= past.last_ms)]
            if not within.size:
                continue
            at, close = np.array([past.first_ms, past.last_ms]), np.array([past.first_close, past.last_close])
            if not np.isin(within, at).all():
                former = read_again(past)
                at, close = former.opened_at_ms, former.close
            there, first = np.unique(at, return_index=True)
            chosen = np.isin(there, within)
            yield there[chosen], close[first[chosen]]
            wanted = np.setdiff1d(wanted, there)


def read_again(past: Past) -> Candles:
    assert past.again is not None, "parts overlap that were said not to"
    return past.again()


def differences(one: Candles, other: Candles) -> Flags:
    out = np.zeros(len(one), bool)
    for name in PRICES_AND_VOLUME:
        told, known = getattr(one, name), getattr(other, name)
        out |= (told != known) & ~(np.isnan(told) & np.isnan(known))
    return out


def together(before: Quality, after: Quality) -> Quality:
    """But for the gaps, which are told by all times at once."""
    rules: tuple[Rule, ...] = get_args(Rule)
    violations = {
        rule: both(before.violations.get(rule, Found()), after.violations.get(rule, Found()))
        for rule in rules
        if rule in before.violations or rule in after.violations
    }
    moves = [move for move in (before.largest_move, after.largest_move) if move is not None]
    return Quality(
        rows=before.rows + after.rows,
        first_ms=min((at for at in (before.first_ms, after.first_ms) if at is not None), default=None),
        last_ms=max((at for at in (before.last_ms, after.last_ms) if at is not None), default=None),
        gaps=before.gaps,
        duplicates=both(before.duplicates, after.duplicates),
        contradicting=both(before.contradicting, after.contradicting),
        out_of_order=both(before.out_of_order, after.out_of_order),
        off_the_grid=both(before.off_the_grid, after.off_the_grid),
        zero_volume=both(before.zero_volume, after.zero_volume),
        negative_volume=both(before.negative_volume, after.negative_volume),
        volume_not_told=both(before.volume_not_told, after.volume_not_told),
        non_finite=both(before.non_finite, after.non_finite),
        non_positive=both(before.non_positive, after.non_positive),
        violations=violations,
        violating=both(before.violating, after.violating),
        # Of equals, the earlier.
        largest_move=min(moves, key=lambda move: (-abs(move.ratio), move.opened_at_ms), default=None),
    )


def both(before: Found, after: Found) -> Found:
    return Found(before.count + after.count, (before.opened_at_ms + after.opened_at_ms)[:EXAMPLES])
