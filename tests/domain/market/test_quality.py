"""Quality: every kind of trouble is counted and pointed at, whatever the order of the rows."""

from dataclasses import replace
from itertools import pairwise
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.market.candles import Candle, Candles, candles_from, joined
from ml_service.domain.market.quality import Found, Gap, Move, quality
from tests.domain.market.walks import HOUR_MS, walk, with_bar
from tests.market_data import HOURS_OF_BTC, real_candles


def bar(hour: int, close: float = 10.0, volume: float = 1.0) -> Candle:
    return Candle(hour * HOUR_MS, close, close, close, close, volume)


def bars(*hours: int) -> Candles:
    return candles_from(bar(hour) for hour in hours)


def rows_of(candles: Candles, places: list[int]) -> Candles:
    return joined([candles[place : place + 1] for place in places])


def test_a_sound_file_has_nothing_to_tell() -> None:
    candles = walk(200)

    found = quality(candles, HOUR_MS)

    assert found.is_sound
    assert (found.rows, found.gaps.count, found.gaps.longest, found.violations) == (200, 0, (), {})
    assert (found.first_ms, found.last_ms) == (candles.opened_at_ms[0], candles.opened_at_ms[-1])
    troubles = (found.duplicates, found.out_of_order, found.off_the_grid, found.zero_volume, found.non_positive)
    assert set(troubles) == {Found()}


def test_no_rows_are_no_trouble() -> None:
    found = quality(bars(), HOUR_MS)

    assert found.is_sound
    assert (found.rows, found.first_ms, found.last_ms, found.largest_move) == (0, None, None, None)


def test_gaps_are_told_with_the_longest_first() -> None:
    gaps = quality(bars(1, 2, 4, 5, 9, 10, 12), HOUR_MS).gaps

    assert (gaps.count, gaps.missing_bars) == (3, 5)
    assert [(gap.after_ms // HOUR_MS, gap.before_ms // HOUR_MS, gap.bars) for gap in gaps.longest] == [
        (5, 9, 3),
        (2, 4, 1),
        (10, 12, 1),
    ]


def test_rows_out_of_order_are_not_gaps() -> None:
    found = quality(bars(3, 1, 2, 5, 4), HOUR_MS)

    assert found.gaps.count == 0
    assert found.out_of_order == Found(3, (1 * HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS))
    assert found.is_sound


def test_a_doubled_row_is_told_apart_from_one_that_says_something_else() -> None:
    candles = candles_from([bar(2), bar(1), bar(2), bar(1, close=11.0), bar(1)])

    found = quality(candles, HOUR_MS)

    assert found.duplicates == Found(3, (2 * HOUR_MS, HOUR_MS, HOUR_MS))
    assert found.contradicting == Found(1, (HOUR_MS,))
    assert not found.is_sound


def test_doubled_rows_whose_volume_nobody_told_agree() -> None:
    found = quality(candles_from([bar(1, volume=np.nan), bar(1, volume=np.nan)]), HOUR_MS)

    assert (found.duplicates.count, found.contradicting.count, found.volume_not_told.count) == (1, 0, 2)


def test_bars_off_the_grid_fill_their_place() -> None:
    late = bar(2)._replace(opened_at_ms=2 * HOUR_MS + 1)

    found = quality(candles_from([bar(1), late, bar(3)]), HOUR_MS)

    assert found.off_the_grid == Found(1, (2 * HOUR_MS + 1,))
    assert found.gaps.count == 0


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        ({"high": 9.0}, {"high below open", "high below close", "high below low"}),
        ({"open": 11.0}, {"high below open"}),
        ({"close": 11.0}, {"high below close"}),
        ({"open": 9.0}, {"low above open"}),
        ({"close": 9.0}, {"low above close"}),
    ],
)
def test_a_broken_bar_is_found_by_the_rules_it_breaks(values: dict[str, float], rules: set[str]) -> None:
    found = quality(with_bar(bars(1, 2, 3), 1, **values), HOUR_MS)

    assert set(found.violations) == rules
    assert found.violating == Found(1, (2 * HOUR_MS,))
    assert not found.is_sound


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"volume": 0.0}, "zero_volume"),
        ({"volume": -1.0}, "negative_volume"),
        ({"volume": np.nan}, "volume_not_told"),
        ({"volume": np.inf}, "non_finite"),
        ({"close": np.nan}, "non_finite"),
        ({"low": -np.inf}, "non_finite"),
        ({"low": 0.0}, "non_positive"),
        ({"open": 0.0, "high": 10.0, "low": -3.0}, "non_positive"),
    ],
)
def test_what_is_no_price_and_no_volume_is_found_where_it_stands(values: dict[str, float], kind: str) -> None:
    found = quality(with_bar(bars(1, 2, 3), 1, **values), HOUR_MS)

    assert getattr(found, kind) == Found(1, (2 * HOUR_MS,))
    assert found.is_sound == (kind in ("zero_volume", "volume_not_told"))


def test_the_largest_move_is_between_neighbours_and_keeps_its_sign() -> None:
    closes = {1: 10.0, 2: 11.0, 3: 8.25, 9: 80.0, 10: 81.0}

    found = quality(candles_from(bar(hour, close) for hour, close in closes.items()), HOUR_MS)

    assert found.largest_move == Move(3 * HOUR_MS, -0.25)


def test_no_more_than_a_few_bars_are_named() -> None:
    found = quality(candles_from(bar(hour, volume=0.0) for hour in range(1, 50)), HOUR_MS)

    assert found.zero_volume.count == 49
    assert found.zero_volume.opened_at_ms == tuple(hour * HOUR_MS for hour in range(1, 6))


@given(st.lists(st.integers(0, 30), max_size=30))
def test_times_are_counted_as_one_would_by_hand(hours: list[int]) -> None:
    found = quality(bars(*hours), HOUR_MS)
    there = sorted(set(hours))
    between = [after - before - 1 for before, after in pairwise(there) if after > before + 1]

    assert found.gaps.count == len(between)
    assert found.gaps.missing_bars == sum(between)
    assert [gap.bars for gap in found.gaps.longest] == sorted(between, reverse=True)[:10]
    assert found.duplicates.count == len(hours) - len(there)
    assert found.out_of_order.count == sum(hour < max(hours[: at + 1]) for at, hour in enumerate(hours))


@given(st.permutations(range(12)))
def test_the_order_of_the_rows_changes_only_what_is_said_of_their_order(order: list[int]) -> None:
    candles = with_bar(walk(14)[2:], 5, volume=0.0, high=1.0)

    mixed = quality(rows_of(candles, order), HOUR_MS)

    assert replace(mixed, out_of_order=Found()) == quality(candles, HOUR_MS)


def test_half_a_million_rows_take_well_under_a_second() -> None:
    one = walk(50_000)
    candles = joined([one] * 10)

    began = process_time()
    found = quality(candles, HOUR_MS)

    assert found.duplicates.count == 450_000
    assert process_time() - began < 1.0


def test_real_hours_have_the_gaps_they_are_known_for() -> None:
    found = quality(real_candles(HOURS_OF_BTC), HOUR_MS)

    assert found.is_sound
    assert (found.rows, found.gaps.count, found.gaps.missing_bars, found.zero_volume.count) == (66_684, 28, 128, 4)
    assert found.gaps.longest[0] == Gap(1_518_048_000_000, 1_518_170_400_000, 33)
    assert found.largest_move is not None
    assert found.largest_move.ratio == pytest.approx(-0.1821, abs=1e-4)
