"""Indicators give what TA-Lib gives, and where TA-Lib has none, what comes out by hand. See also tests/checks."""

from collections.abc import Callable, Sequence
from math import e, sqrt

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ml_service.domain.market.candles import Candles, Floats, candles_of
from ml_service.features.indicators import INDICATORS
from tests.checks.talib_references import REFERENCES
from tests.features.series import all_series, lively, minutes
from tests.market_data import HOURS_OF_BTC, real_candles

AGREEMENT = 1e-9
QUARTER_TURN = 90.0


def streamed(name: str, candles: Candles) -> Floats:
    step = INDICATORS[name].stream()
    return np.array([step(candle) for candle in candles.rows()])


def differing(name: str, found: Floats, expected: Floats) -> list[int]:
    """Where ours is known and TA-Lib's is another. It answers 0 to what cannot be told."""
    known = ~np.isnan(found)
    if name == "linear_angle":
        size = QUARTER_TURN
    else:
        size = 1.0 if INDICATORS[name].scale_free else float(np.abs(found[known]).mean())
    with np.errstate(invalid="ignore"):
        agrees = np.abs(found - expected) <= AGREEMENT * np.maximum(np.abs(expected), size)
    return np.flatnonzero(known & ~agrees).tolist()


@pytest.mark.parametrize("name", REFERENCES)
def test_bar_by_bar_it_is_what_talib_makes_of_all_bars(name: str) -> None:
    candles = lively(1_000, seed=11)
    warm_up = INDICATORS[name].warm_up
    expected = REFERENCES[name](candles)

    found = streamed(name, candles)

    assert np.isnan(expected[:warm_up]).all()
    assert not np.isnan(found[warm_up:]).any()
    assert differing(name, found, expected) == []
    assert differing(name, INDICATORS[name].batch(candles), expected) == []


# TA-Lib takes less than 1e-14 for nothing, so that a mean of volumes that fades away is none to it.
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", REFERENCES.keys() - {"percentage_volume"})
@pytest.mark.parametrize("series", ["troubled", "still"])
def test_it_is_what_talib_makes_of_troubled_markets_where_it_can_be_told(name: str, series: str) -> None:
    candles = all_series()[series]
    expected = REFERENCES[name](candles)

    assert differing(name, streamed(name, candles), expected) == []
    assert differing(name, INDICATORS[name].batch(candles), expected) == []


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_they_are_what_talib_makes_of_all_hours_of_bitcoin() -> None:
    candles = real_candles(HOURS_OF_BTC)

    found = {name: differing(name, INDICATORS[name].batch(candles), REFERENCES[name](candles)) for name in REFERENCES}

    assert {name: bars[:3] for name, bars in found.items() if bars} == {}


Mask = NDArray[np.bool_]


def nothing_in(column: Callable[[Candles], Floats], bars: int) -> Callable[[Candles], Mask]:
    """All zero over so many bars."""

    def mask(candles: Candles) -> Mask:
        out = np.zeros(len(candles), np.bool_)
        out[bars - 1 :] = (sliding_window_view(column(candles), bars) == 0.0).all(axis=1)
        return out

    return mask


def soon_after(bars: int, mask: Callable[[Candles], Mask]) -> Callable[[Candles], Mask]:
    return lambda candles: np.asarray(np.convolve(mask(candles), np.ones(bars))[: len(candles)] > 0.0)


def volume(candles: Candles) -> Floats:
    return candles.volume


def extent(candles: Candles) -> Floats:
    return candles.high - candles.low


def moved(candles: Candles) -> Floats:
    return np.abs(np.diff(candles.close, prepend=candles.close[0]))


def reached(candles: Candles) -> Floats:
    before = np.append(candles.close[0], candles.close[:-1])
    reach: Floats = np.maximum(candles.high, before) - np.minimum(candles.low, before)
    return reach


def flat(bars: int) -> Callable[[Candles], Mask]:
    """Between the highest high and the lowest low of so many bars there is no room."""

    def mask(candles: Candles) -> Mask:
        out = np.zeros(len(candles), np.bool_)
        highs, lows = (sliding_window_view(column, bars) for column in (candles.high, candles.low))
        out[bars - 1 :] = highs.max(axis=1) == lows.min(axis=1)
        return out

    return mask


def later(bars: int, mask: Callable[[Candles], Mask]) -> Callable[[Candles], Mask]:
    return lambda candles: np.append(np.zeros(bars, np.bool_), mask(candles)[:-bars])


UNTOLD: dict[str, Callable[[Candles], Mask]] = {
    "vwma": nothing_in(volume, 20),
    "vwap_distance": nothing_in(volume, 20),
    "chaikin_money_flow": nothing_in(volume, 20),
    "ease_of_movement": soon_after(14, nothing_in(volume, 1)),
    "donchian_position": later(1, flat(20)),
    "efficiency_ratio": nothing_in(moved, 10),
    "cmo": nothing_in(moved, 14),
    "ultimate_oscillator": nothing_in(reached, 7),
    "stochastic_slow_k": soon_after(3, flat(14)),
    "stochastic_slow_d": soon_after(5, flat(14)),
    "choppiness": flat(14),
    "balance_of_power": nothing_in(extent, 1),
    "close_location": nothing_in(extent, 1),
    "upper_shadow": nothing_in(extent, 1),
    "lower_shadow": nothing_in(extent, 1),
    "body_share": nothing_in(extent, 5),
    "zscore": nothing_in(moved, 49),
    "linear_r2": nothing_in(moved, 13),
    "skewness": nothing_in(moved, 30),
    "kurtosis": nothing_in(moved, 30),
    "autocorrelation": nothing_in(moved, 30),
    "variance_ratio": nothing_in(moved, 60),
}
"""Just there is nothing to divide by."""

FADING = {
    "plus_di": 100,
    "minus_di": 100,
    "dx": 100,
    "adx": 100,
    "adxr": 100,
    "stochastic_rsi": 13,
    "tsi": 100,
    "connors_rsi": 20,
}
"""Missing at most where nothing has moved for so many bars, at the beginning or later, and soon after."""

AFTER = {"adxr": 14, "stochastic_rsi": 14}

SOMETIMES = {"obv_zscore", "money_flow_index", "force_index_share", "percentage_volume"}
"""See below."""


@pytest.mark.parametrize("name", [name for name in INDICATORS if name not in SOMETIMES])
@pytest.mark.parametrize("series", ["troubled", "still", "never traded"])
def test_it_is_missing_only_where_there_is_nothing_to_divide_by(name: str, series: str) -> None:
    candles = all_series()[series]
    warm_up = INDICATORS[name].warm_up

    missing = np.isnan(INDICATORS[name].batch(candles))

    if name in UNTOLD:
        assert np.flatnonzero(missing[warm_up:] != UNTOLD[name](candles)[warm_up:]).tolist() == []
    else:
        allowed = standing(name)(candles) if name in FADING else np.zeros(len(candles), np.bool_)
        assert np.flatnonzero(missing[warm_up:] & ~allowed[warm_up:]).tolist() == []


def standing(name: str) -> Callable[[Candles], Mask]:
    def mask(candles: Candles) -> Mask:
        never_yet: Mask = np.cumsum(moved(candles)) == 0.0
        return never_yet | nothing_in(moved, FADING[name])(candles)

    return soon_after(AFTER.get(name, 1), mask)


@pytest.mark.parametrize("series", ["troubled", "still", "never traded"])
def test_what_is_made_of_volume_and_moves_is_missing_only_where_they_never_meet(series: str) -> None:
    candles = all_series()[series]

    def force(one: Candles) -> Floats:
        return moved(one) * one.volume

    def flow(one: Candles) -> Floats:
        return np.abs(np.diff(one.high + one.low + one.close, prepend=np.nan)) * one.volume

    for name, nothing in {
        "obv_zscore": nothing_in(force, 19)(candles),
        "money_flow_index": nothing_in(flow, 14)(candles),
        "force_index_share": np.cumsum(force(candles)) == 0.0,
        "percentage_volume": np.cumsum(candles.volume) == 0.0,
    }.items():
        warm_up = INDICATORS[name].warm_up
        missing = np.isnan(INDICATORS[name].batch(candles))
        assert np.flatnonzero(missing[warm_up:] & ~nothing[warm_up:]).tolist() == [], name


def test_each_indicator_that_talib_lacks_is_worked_out_by_hand() -> None:
    assert {name for name, _, _ in BY_HAND} | set(REFERENCES) == set(INDICATORS)


def bars_of(
    close: Sequence[float],
    *,
    opened: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    low: Sequence[float] | None = None,
    volume: Sequence[float] | None = None,
) -> Candles:
    columns = (opened or close, high or close, low or close, close, volume or [1.0] * len(close))
    return candles_of(minutes(len(close)), *(np.array(column, np.float64) for column in columns))


def many(bars: int, opened: float, high: float, low: float, close: float) -> Candles:
    return bars_of([close] * bars, opened=[opened] * bars, high=[high] * bars, low=[low] * bars)


def growing(*factors: float, start: float = 100.0) -> list[float]:
    return [float(price) for price in start * np.cumprod([1.0, *factors])]


BAR = many(5, 100.0, 106.0, 98.0, 103.0)
STEPS = [100.0 + step for step in range(120)]
"""One up with every bar."""
STAIRS = bars_of(STEPS[1:], opened=STEPS[:-1], high=STEPS[1:], low=STEPS[:-1])
ROCKING = growing(*[1.1, 0.9] * 15)
ROLLING_LOGS = growing(*[1.1, 1.0 / 1.1] * 30)
ONE_JUMP = growing(*[1.0] * 29, 1.2)
SWINGING = [100.0, *[100.0 + [2.0, 1.0][bar % 2] + bar // 2 for bar in range(13)]]
"""Two up and one down in turn."""

BY_HAND: list[tuple[str, Candles, float]] = [
    # 19 bars at 100 and one at 110 that traded as much as all of them: the average price is 105.
    ("vwap_distance", bars_of([*[100.0] * 19, 110.0], volume=[*[1.0] * 19, 19.0]), 110.0 / 105.0 - 1.0),
    ("linear_r2", bars_of(STEPS[:14]), 1.0),
    ("linear_r2", bars_of([*STEPS[:7], *reversed(STEPS[:7])]), 0.0),
    # All equal but for a last one 1 higher, 6.5 places from the middle: 6.5² over 13 and the places' (14² - 1) / 12.
    ("linear_r2", bars_of([*[100.0] * 13, 101.0]), 6.5**2 / 13.0 / 16.25),
    # It only rises (RSI 100), the streak only grows (100), and each return is the smallest so far (0).
    ("connors_rsi", bars_of(STEPS), 200.0 / 3.0),
    ("connors_rsi", bars_of(STEPS[::-1]), 0.0),
    # After a standstill up by 3, down by 2, up by 1: 7/9 of a rise beside 4/9 of a fall; the streak goes 1, -1, 1 and
    # so rises by 9/8 and falls by 4/8; and 98 returns of 0 and the one of the fall are smaller than the last.
    ("connors_rsi", bars_of([*[100.0] * 99, 103.0, 101.0, 102.0]), (700.0 / 11.0 + 900.0 / 13.0 + 99.0) / 3.0),
    ("body_share", BAR, 3.0 / 8.0),
    ("upper_shadow", BAR, 3.0 / 8.0),
    ("lower_shadow", BAR, 2.0 / 8.0),
    ("close_location", BAR, (5.0 - 3.0) / 8.0),
    ("streak", bars_of([1.0, 2.0, 1.0, 2.0, 3.0, 4.0]), 3.0),
    ("streak", bars_of([1.0, 2.0, 3.0, 2.0, 1.0]), -2.0),
    ("streak", bars_of([1.0, 2.0, 3.0, 3.0]), 0.0),
    ("streak", bars_of(STEPS), 20.0),
    # The open of a Heikin-Ashi bar lags behind; one bar down to 90 turns the colour, and four have come before it.
    ("heikin_ashi_run", bars_of([100.0, 101.0, 102.0, 103.0, 104.0]), 4.0),
    ("heikin_ashi_run", bars_of([100.0, 101.0, 102.0, 103.0, 104.0, 90.0]), -1.0),
    ("heikin_ashi_run", bars_of(STEPS), 20.0),
    # Logarithms of 1: the formulas reduce to their constants.
    ("parkinson", many(20, 1.0, e, 1.0, e), 1.0 / sqrt(4.0 * np.log(2.0))),
    ("garman_klass", many(20, 1.0, e, 1.0, e), sqrt(0.5 - (2.0 * np.log(2.0) - 1.0))),
    ("garman_klass", many(20, 1.0, e, 1.0, 1.0), sqrt(0.5)),
    ("rogers_satchell", many(20, 1.0, e, 1.0, 1.0), 1.0),
    ("rogers_satchell", many(20, 1.0, e, 1.0, e), 0.0),
    ("downside_deviation", bars_of(ROCKING), sqrt(0.5 * 0.1**2)),
    # Thirteen of the last bars were 10 % below the highest of theirs, and one had only such prices in sight.
    ("ulcer_index", bars_of([*[100.0] * 13, *[90.0] * 14]), 10.0 * sqrt(13.0 / 14.0)),
    ("choppiness", many(20, 100.0, 101.0, 100.0, 100.5), 100.0),
    ("choppiness", STAIRS, 0.0),
    # OBV counts from 1 to 20.
    ("obv_zscore", bars_of(STEPS[:21]), 9.5 / sqrt((20.0**2 - 1.0) / 12.0)),
    ("obv_zscore", bars_of(STEPS[20::-1]), -9.5 / sqrt((20.0**2 - 1.0) / 12.0)),
    # The first mean is a plain one: 7 steps of 2 up, 6 of 1 down.
    ("force_index_share", bars_of(SWINGING), (7 * 2.0 - 6 * 1.0) / (7 * 2.0 + 6 * 1.0)),
    # A middle 1 % higher, a range of 2 %, and a volume as usual.
    (
        "ease_of_movement",
        bars_of(
            growing(*[1.01] * 26),
            high=[price + 0.01 * price / 1.01 for price in growing(*[1.01] * 26)],
            low=[price - 0.01 * price / 1.01 for price in growing(*[1.01] * 26)],
        ),
        0.01 * 0.02,
    ),
    # Mean 100.2, variance (49 * 0.2² + 9.8²) / 50 = 1.96.
    ("zscore", bars_of([*[100.0] * 49, 110.0]), 9.8 / 1.4),
    # One return among n others that are 0: (n - 2) / √(n - 1), and (n² - 3n + 3) / (n - 1) less the normal sample's 3.
    ("skewness", bars_of(ONE_JUMP), 28.0 / sqrt(29.0)),
    ("kurtosis", bars_of(ONE_JUMP), 813.0 / 29.0 - 3.0),
    ("autocorrelation", bars_of(ROCKING), -29.0 / 30.0),
    # 56 strides of five steps, each as long as one step: 56 / (5 · 56 · 55 / 60) over 60 / 59.
    ("variance_ratio", bars_of(ROLLING_LOGS), 60.0 / (5.0 * 55.0) * 59.0 / 60.0),
    ("donchian_position", bars_of([*[90.0, 110.0] * 10, 120.0]), 1.5),
]


@pytest.mark.parametrize(("name", "candles", "expected"), BY_HAND, ids=[name for name, _, _ in BY_HAND])
def test_it_is_what_comes_out_by_hand(name: str, candles: Candles, expected: float) -> None:
    for values in (INDICATORS[name].batch(candles), streamed(name, candles)):
        assert values[-1] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_returns_that_follow_each_other_make_a_variance_ratio_above_one() -> None:
    random = np.random.default_rng(5)
    noise = random.normal(0.0, 0.01, 4_000)
    trending = np.convolve(noise, [1.0, 0.6, 0.3])[: noise.size]

    ratios = {
        name: float(np.nanmean(INDICATORS["variance_ratio"].batch(bars_of((100.0 * np.exp(np.cumsum(one))).tolist()))))
        for name, one in {"noise": noise, "trending": trending}.items()
    }

    assert ratios["noise"] == pytest.approx(1.0, abs=0.1)
    assert ratios["trending"] > 1.5


def test_there_are_more_than_fifty() -> None:
    assert len(INDICATORS) > 50
