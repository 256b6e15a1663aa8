"""Noise: what is dropped and why, and that what really happened is kept however large it was."""

import numpy as np
import pytest

from ml_service.domain.market.candles import Candles, candles_from, joined
from ml_service.domain.market.noise import REASONS, WHY, NoisePolicy, NoiseReport, noise
from tests.domain.market.walks import HOUR_MS, moody, walk, with_bar
from tests.market_data import real_candles

AT = 100
"""Where the trouble is."""


def dropped(report: NoiseReport) -> dict[str, list[int]]:
    return {one.reason: one.places.tolist() for one in report.dropped if one.count}


def usual() -> Candles:
    return walk(200)


def raised(candles: Candles, places: slice, factor: float, volume: float) -> Candles:
    for place in range(*places.indices(len(candles))):
        prices = {name: getattr(candles, name)[place] * factor for name in ("open", "high", "low", "close")}
        candles = with_bar(candles, place, **prices, volume=volume)
    return candles


def test_a_usual_market_has_no_noise() -> None:
    for seed in range(5):
        report = noise(moody(3_000, seed), HOUR_MS)
        assert report.keep.all()
        assert report.count == 0


def test_each_reason_is_explained_and_told_even_where_it_dropped_nothing() -> None:
    assert tuple(one.reason for one in noise(usual(), HOUR_MS).dropped) == REASONS
    assert set(WHY) == set(REASONS)


def test_no_bars_are_no_noise() -> None:
    for bars in (0, 1, 2):
        assert noise(usual()[:bars], HOUR_MS).keep.tolist() == [True] * bars


def test_bars_without_trade_are_dropped() -> None:
    report = noise(with_bar(usual(), AT, volume=0.0), HOUR_MS)

    assert dropped(report) == {"zero_volume": [AT]}
    assert report.dropped[1].opened_at_ms.tolist() == [usual().opened_at_ms[AT]]
    assert np.flatnonzero(~report.keep).tolist() == [AT]


def test_a_volume_that_nobody_told_is_no_reason() -> None:
    candles = usual()
    for place in range(len(candles)):
        candles = with_bar(candles, place, volume=np.nan)

    assert noise(raised(candles, slice(AT, AT + 1), 1.5, np.nan), HOUR_MS).keep.all()


@pytest.mark.parametrize(
    "values", [{"high": 1.0}, {"close": np.nan}, {"low": -5.0}, {"open": np.inf}, {"volume": -1.0}, {"low": 0.0}]
)
def test_broken_bars_are_dropped_and_take_no_other_along(values: dict[str, float]) -> None:
    assert dropped(noise(with_bar(usual(), AT, **values), HOUR_MS)) == {"broken": [AT]}


@pytest.mark.parametrize(("bars", "found"), [(4, []), (5, [100, 101, 102, 103, 104]), (6, list(range(100, 106)))])
def test_a_price_that_stands_still_for_too_long_is_dropped(bars: int, found: list[int]) -> None:
    candles = usual()
    price = candles.close[AT - 1]
    for place in range(AT, AT + bars):
        candles = with_bar(candles, place, open=price, high=price, low=price, close=price)
    candles = with_bar(candles, AT + bars, open=price, high=price * 1.1, low=price * 0.9)

    assert dropped(noise(candles, HOUR_MS)).get("frozen", []) == found


def test_one_trade_a_bar_is_no_standing_still() -> None:
    candles = usual()
    for place in range(AT, AT + 8):
        price = candles.close[place]
        candles = with_bar(candles, place, open=price, high=price, low=price)

    assert "frozen" not in dropped(noise(candles, HOUR_MS))


def test_a_move_that_took_longer_than_one_bar_is_dropped() -> None:
    whole = usual()
    candles = joined([whole[:AT], whole[AT + 7 :]])

    assert dropped(noise(candles, HOUR_MS)) == {"after_gap": [AT]}
    assert dropped(noise(candles, HOUR_MS, NoisePolicy(after_gap_bars=3))) == {"after_gap": [AT, AT + 1, AT + 2]}


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.4, 3.0])
@pytest.mark.parametrize("bars", [1, 2])
def test_a_spike_that_comes_back_untraded_is_dropped(factor: float, bars: int) -> None:
    spike = slice(AT, AT + bars)

    report = noise(raised(usual(), spike, factor, volume=0.001), HOUR_MS)

    assert dropped(report) == {"bad_print": list(range(AT, AT + bars))}


def test_so_is_one_that_came_back_within_its_own_bar() -> None:
    candles = usual()

    report = noise(with_bar(candles, AT, low=0.6 * candles.low[AT], volume=0.001), HOUR_MS)

    assert dropped(report) == {"bad_print": [AT]}


def test_a_quiet_bar_that_went_no_further_than_others_is_kept() -> None:
    assert noise(raised(usual(), slice(AT, AT + 1), 1.03, volume=0.001), HOUR_MS).keep.all()


def test_a_spike_that_was_traded_is_kept() -> None:
    assert noise(raised(usual(), slice(AT, AT + 1), 1.33, volume=50.0), HOUR_MS).keep.all()


@pytest.mark.parametrize("volume", [0.001, 50.0])
def test_a_move_of_a_third_that_stays_is_kept_whatever_was_traded(volume: float) -> None:
    before = usual()
    candles = raised(before, slice(AT, 200), 1.0, volume=5.0)
    after = with_bar(raised(candles, slice(AT, 200), 1.33, volume=5.0), AT, volume=volume)

    assert noise(after, HOUR_MS).keep.all()


def test_two_prints_are_kept_when_only_one_of_them_was_untraded() -> None:
    candles = raised(usual(), slice(AT, AT + 2), 1.4, volume=0.001)

    assert noise(with_bar(candles, AT + 1, volume=5.0), HOUR_MS).keep.all()


def test_bars_must_come_in_order() -> None:
    rows = list(usual().rows())

    with pytest.raises(AssertionError):
        noise(candles_from([rows[1], rows[0]]), HOUR_MS)


def test_the_real_hour_of_a_third_survives() -> None:
    candles = real_candles("klines_open/BINANCEUSDM_ADAUSDT_1h.parquet")
    moves = np.abs(candles.close[1:] / candles.close[:-1] - 1.0)

    report = noise(candles, HOUR_MS)

    assert moves.max() > 0.33
    assert report.keep[1 + np.argmax(moves)]
    assert report.count < 0.001 * report.rows
