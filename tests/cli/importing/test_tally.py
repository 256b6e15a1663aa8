"""The tally: what it says of many parts is what `quality` says of all of them in one, whatever their order."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ml_service.cli.importing.tally import Tally
from ml_service.domain.market.candles import Candles, joined
from ml_service.domain.market.quality import Quality, quality
from tests.candles import FIRST_MS, HOUR_MS, walk

WHOLE = walk(2000)


def tallied(parts: list[Candles], readable: bool = True) -> Quality:
    tally = Tally(HOUR_MS)
    for part in parts:
        tally.add(part, again(part) if readable else None)
    return tally.quality()


def again(part: Candles) -> Callable[[], Candles]:
    return lambda: part


def in_one(parts: list[Candles]) -> Quality:
    return quality(joined(parts), HOUR_MS)


def troubled(seed: int, candles: Candles = WHOLE) -> Candles:
    """With a share of all that may be wrong."""
    random = np.random.default_rng(seed)
    columns = {name: getattr(candles, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for name, values in (
        ("volume", (0.0, -1.0, np.nan, np.inf)),
        ("close", (np.nan, 0.0, -3.0, 1.0)),
        ("high", (1.0,)),
    ):
        for value in values:
            columns[name][random.integers(0, len(candles), 5)] = value
    return replace(candles, **columns)


def some(seed: int, candles: Candles, share: float) -> Candles:
    random = np.random.default_rng(seed)
    return candles[np.flatnonzero(random.random(len(candles)) < share)]


def moved(candles: Candles, by_ms: int) -> Candles:
    return replace(candles, opened_at_ms=candles.opened_at_ms + by_ms)


def test_nothing_is_told_of_nothing() -> None:
    assert tallied([]) == in_one([])
    assert tallied([WHOLE[:0]]) == in_one([])


@pytest.mark.parametrize("size", [1, 7, 333, 2000])
def test_parts_that_follow_each_other_are_never_read_again(size: int) -> None:
    bad = some(3, troubled(1), 0.9)
    parts = [bad[at : at + size] for at in range(0, len(bad), size)]

    assert tallied(parts, readable=False) == in_one(parts)


def test_parts_in_any_order_come_to_the_same() -> None:
    bad = some(5, troubled(2), 0.97)
    parts = [bad[at : at + 100] for at in range(0, len(bad), 100)]
    for seed in range(5):
        np.random.default_rng(seed).shuffle(parts)

        assert tallied(parts) == in_one(parts)


@pytest.mark.parametrize("seed", range(12))
def test_parts_that_overlap_and_contradict_each_other_come_to_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = []
    for number in range(8):
        begin = int(random.integers(0, 1500))
        told = troubled(number % 3) if random.random() < 0.5 else WHOLE
        parts.append(some(number, told[begin : begin + int(random.integers(1, 500))], float(random.choice([0.5, 1.0]))))

    found = tallied(parts)

    assert found == in_one(parts)
    assert found.duplicates.count > 0


def test_bars_off_the_grid_are_counted_once_each() -> None:
    parts = [WHOLE[:50], moved(WHOLE[60:70], 7), moved(WHOLE[60:75], 7), WHOLE[80:90]]

    found = tallied(parts)

    assert found == in_one(parts)
    assert (found.off_the_grid.count, found.duplicates.count) == (25, 10)


def test_the_largest_move_may_lie_between_two_parts() -> None:
    raised = replace(WHOLE[100:200], close=WHOLE.close[100:200] * 3)
    for parts in ([WHOLE[:100], raised, WHOLE[200:]], [raised, WHOLE[200:], WHOLE[:100]], [WHOLE[:100], raised]):
        found = tallied(parts, readable=False)

        assert found == in_one(parts)
        assert found.largest_move is not None
        assert found.largest_move.opened_at_ms == FIRST_MS + 100 * HOUR_MS


def test_what_is_kept_does_not_grow_with_the_bars() -> None:
    columns = 13 * 8
    tally, bars = Tally(HOUR_MS), 400_000
    tracemalloc.start()
    for begin in range(0, bars, 2000):
        tally.add(moved(WHOLE, begin * HOUR_MS))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert tally.quality().rows == bars
    assert kept < bars * columns / 100
