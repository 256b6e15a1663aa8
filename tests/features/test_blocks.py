"""The building blocks do what their names say, in both forms, and beside holes as well."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import talib

from ml_service.domain.market.candles import Floats
from ml_service.features import rolling, windows

RANDOM = np.random.default_rng(8)
VALUES = np.round(RANDOM.normal(100.0, 5.0, 20_000), 2)
"""Longer than one chunk."""
HOLED = np.where(RANDOM.uniform(size=VALUES.size) < 0.02, np.nan, VALUES)
STREAMED = 600
LENGTHS = (1, 2, 3, 5, 14, 20, 60)


def score(window: Floats) -> float:
    return float((window[-1] - window.mean()) / window.std()) if np.ptp(window) > 0.0 else math.nan


BLOCKS: dict[str, Callable[[Floats], float]] = {
    "total": math.fsum,
    "mean": lambda window: math.fsum(window) / window.size,
    "deviation": lambda window: float(window.std()),
    "score": score,
    "highest": lambda window: float(window.max()),
    "lowest": lambda window: float(window.min()),
}


@pytest.mark.parametrize("bars", LENGTHS)
@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_tells_what_its_window_holds(name: str, bars: int) -> None:
    for values in (VALUES, HOLED):
        found = getattr(windows, name)(values, bars)
        step = getattr(rolling, name)(bars)
        streamed = np.array([step(value) for value in values[:STREAMED].tolist()])

        places = [*range(STREAMED), *range(windows.CHUNK - 5, windows.CHUNK + 100), values.size - 1]
        expected = np.full(values.size, np.nan)
        for place in places:
            window = values[max(place - bars + 1, 0) : place + 1]
            if window.size == bars and not np.isnan(window).any():
                expected[place] = BLOCKS[name](window)

        assert found[places] == pytest.approx(expected[places], rel=1e-9, abs=1e-9, nan_ok=True)
        assert streamed == pytest.approx(expected[:STREAMED], rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("bars", LENGTHS)
def test_the_value_of_some_bars_ago_may_be_a_hole(bars: int) -> None:
    step = rolling.lag(bars)

    found = windows.lagged(HOLED, bars)

    assert np.array_equal(found[bars:], HOLED[:-bars], equal_nan=True)
    assert np.isnan(found[:bars]).all()
    assert np.array_equal([step(value) for value in HOLED[:STREAMED].tolist()], found[:STREAMED], equal_nan=True)


def test_an_average_that_remembers_everything_begins_with_the_mean_of_its_first_values() -> None:
    values = np.concatenate(([np.nan] * 3, VALUES[:300]))
    step, slower = rolling.exponential(10), rolling.wilder(10)

    assert [step(value) for value in values] == pytest.approx(windows.exponential(values, 10), abs=1e-9, nan_ok=True)
    assert [slower(value) for value in values[:14]][-2:] == pytest.approx(
        [VALUES[:10].mean(), 0.9 * VALUES[:10].mean() + 0.1 * VALUES[10]]
    )


def test_a_sum_comes_back_to_zero_whatever_it_has_held() -> None:
    values = np.concatenate((VALUES[:50], [1e15, 0.1, 0.3], np.zeros(20)))
    step = rolling.total(5)
    carried = talib.SUM(values, 5)

    assert carried[-1] != 0.0
    assert windows.total(values, 5)[-16:].tolist() == [0.0] * 16
    assert [step(value) for value in values][-16:] == [0.0] * 16


@pytest.mark.parametrize("price", [0.1, 0.07, 60_000.01, 3e-9])
def test_where_the_price_stands_still_there_is_no_score(price: float) -> None:
    values = np.concatenate((VALUES[:50], np.full(20, price)))
    step = rolling.score(20)

    assert math.isnan(windows.score(values, 20)[-1])
    assert math.isnan([step(value) for value in values.tolist()][-1])
    assert windows.deviation(values, 20)[-1] == 0.0


def test_one_cent_at_sixty_thousand_is_told_apart() -> None:
    """By hand: one of twenty a cent higher, and it is the newest."""
    values = np.append(np.full(19, 60_000.0), 60_000.01)
    step, expected = rolling.score(20), math.sqrt(19.0)

    assert windows.score(values, 20)[-1] == pytest.approx(expected, rel=1e-12)
    assert [step(value) for value in values.tolist()][-1] == pytest.approx(expected, rel=1e-12)
    # What the textbook's difference of two sums would have made of it.
    assert math.sqrt(max((values**2).mean() - values.mean() ** 2, 0.0)) != pytest.approx(
        windows.deviation(values, 20)[-1], rel=1e-6
    )


def test_columns_shorter_than_the_window_have_no_value() -> None:
    for name in BLOCKS:
        assert np.isnan(getattr(windows, name)(VALUES[:4], 5)).all()
        assert getattr(windows, name)(VALUES[:0], 5).size == 0
