"""Where TA-Lib defines the same, it gives the same, to 1e-9 from the end of the warm-up on."""

from collections.abc import Callable

import numpy as np
import pytest
import talib

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import FEATURES
from tests.features.series import lively, scaled
from tests.market_data import HOURS_OF_BTC, real_candles


def bollinger(candles: Candles) -> Floats:
    upper, _, lower = talib.BBANDS(candles.close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    return (candles.close - lower) / (upper - lower)


def fast_k(candles: Candles) -> Floats:
    values, _ = talib.STOCHF(candles.high, candles.low, candles.close, fastk_period=14, fastd_period=1)
    return values


def returns(candles: Candles) -> Floats:
    return np.append(np.nan, np.diff(np.log(candles.close)))


def balance(candles: Candles) -> Floats:
    """By the growth of the on-balance volume, whose first bar counts as a rise."""
    come = np.append(np.nan, np.diff(talib.OBV(candles.close, candles.volume)))
    return talib.SUM(come, 20) / talib.SUM(candles.volume, 20)


REFERENCES: dict[str, Callable[[Candles], Floats]] = {
    "log_return": returns,
    "mean_distance_5": lambda c: c.close / talib.SMA(c.close, 5) - 1.0,
    "mean_distance_20": lambda c: c.close / talib.SMA(c.close, 20) - 1.0,
    "volatility_20": lambda c: talib.STDDEV(returns(c), 20),
    "range_20": lambda c: (talib.MAX(c.high, 20) - talib.MIN(c.low, 20)) / c.close,
    "volume_ratio_5": lambda c: np.log(c.volume / talib.SMA(c.volume, 5)),
    "volume_ratio_20": lambda c: np.log(c.volume / talib.SMA(c.volume, 20)),
    "volume_share_5_60": lambda c: talib.SUM(c.volume, 5) / talib.SUM(c.volume, 60),
    "volume_variation_20": lambda c: talib.STDDEV(c.volume, 20) / talib.SMA(c.volume, 20),
    "volume_balance_20": balance,
    "rsi": lambda c: talib.RSI(c.close, 14),
    "macd": lambda c: 100.0 * talib.MACD(c.close, 12, 26, 9)[2] / c.close,
    "bollinger_percent_b": bollinger,
    "stochastic_k": fast_k,
    "williams_r": lambda c: talib.WILLR(c.high, c.low, c.close, 14),
    "cci": lambda c: talib.CCI(c.high, c.low, c.close, 20),
    "atr": lambda c: talib.NATR(c.high, c.low, c.close, 14) / 100.0,
    "momentum": lambda c: talib.MOM(c.close, 10) / talib.ATR(c.high, c.low, c.close, 14),
    "roc": lambda c: talib.ROC(c.close, 10),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_it_is_what_talib_makes_of_it(name: str) -> None:
    for candles in (lively(2_000), scaled(lively(500, seed=7), 2e-8, 1e9)):
        warm_up = FEATURES[name].warm_up

        found, expected = FEATURES[name].batch(candles), REFERENCES[name](candles)

        assert found[warm_up:] == pytest.approx(expected[warm_up:], rel=1e-9, abs=1e-9)
        assert np.isnan(expected[:warm_up]).all()


def test_all_but_the_order_book_has_a_reference() -> None:
    assert set(REFERENCES) == {name for name, feature in FEATURES.items() if feature.group != "book"}


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.group == "technical"])
def test_it_is_what_talib_makes_of_all_hours_of_bitcoin(name: str) -> None:
    candles = real_candles(HOURS_OF_BTC)

    found, expected = FEATURES[name].batch(candles), REFERENCES[name](candles)

    known = ~np.isnan(found)
    assert known[FEATURES[name].warm_up :].all()
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-9, atol=1e-9)
