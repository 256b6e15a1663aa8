"""The features give what textbooks print, to the last digit printed."""

from collections.abc import Sequence

import numpy as np
import pytest

from ml_service.domain.market.candles import Candles, Floats, candles_of
from ml_service.features import FEATURES
from tests.features import published
from tests.features.series import minutes


def daily(closes: Sequence[float], highs: Sequence[float] = (), lows: Sequence[float] = ()) -> Candles:
    close = np.array(closes)
    high, low = (np.array(prices) if prices else close for prices in (highs, lows))
    return candles_of(minutes(close.size), close, high, low, close, np.ones(close.size))


def in_both_forms(name: str, candles: Candles) -> list[Floats]:
    step = FEATURES[name].stream()
    return [FEATURES[name].batch(candles), np.array([step(candle) for candle in candles.rows()])]


def test_rsi_is_as_published() -> None:
    for values in in_both_forms("rsi", daily(published.RSI_CLOSES)):
        assert values[14:] == pytest.approx(published.RSI, abs=0.01)


def test_the_price_stands_between_the_bollinger_bands_as_published() -> None:
    lower, upper = np.array(published.BOLLINGER_LOWER), np.array(published.BOLLINGER_UPPER)
    expected = (np.array(published.BOLLINGER_CLOSES[19:]) - lower) / (upper - lower)

    for values in in_both_forms("bollinger_percent_b", daily(published.BOLLINGER_CLOSES)):
        assert values[19:] == pytest.approx(expected, abs=0.01)


PLACES = {"stochastic_k": published.STOCHASTIC_K, "williams_r": published.WILLIAMS_R}


@pytest.mark.parametrize(("name", "expected"), PLACES.items())
def test_the_place_within_the_range_is_as_published(name: str, expected: tuple[float, ...]) -> None:
    closes = (*[126.0] * 13, *published.STOCHASTIC_CLOSES)
    candles = daily(closes, published.STOCHASTIC_HIGHS, published.STOCHASTIC_LOWS)

    for values in in_both_forms(name, candles):
        assert values[13:] == pytest.approx(expected, abs=0.01)
