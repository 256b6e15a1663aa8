"""What each feature means, on bars small enough to work it out by hand, and where it is missing."""

from math import isnan, log, nan, sqrt

import pytest

from ml_service.domain.market.candles import Candle
from ml_service.features import FEATURES
from tests.features.series import BEGAN_MS, MINUTE_MS

FLAT = Candle(BEGAN_MS, 100.0, 100.0, 100.0, 100.0, 10.0)


def told(name: str, *candles: Candle) -> float:
    """After the last of the bars; both forms are the same, as the checks of the whole shelf prove."""
    step = FEATURES[name].stream()
    value = nan
    for place, candle in enumerate(candles):
        value = step(candle._replace(opened_at_ms=BEGAN_MS + place * MINUTE_MS))
    return value


def closing(*prices: float) -> list[Candle]:
    return [FLAT._replace(open=price, high=price, low=price, close=price) for price in prices]


def trading(*volumes: float) -> list[Candle]:
    return [FLAT._replace(volume=volume) for volume in volumes]


BOOKED = FLAT._replace(best_bid=99.0, best_ask=101.0, bid_top=3.0, ask_top=1.0, bid_ten=30.0, ask_ten=10.0)


def test_prices() -> None:
    assert told("log_return", *closing(100.0, 110.0)) == pytest.approx(log(1.1))
    assert told("mean_distance_5", *closing(90.0, 95.0, 100.0, 105.0, 110.0)) == pytest.approx(0.1)
    assert told("mean_distance_20", *closing(*[100.0] * 19, 120.0)) == pytest.approx(120.0 / 101.0 - 1.0)
    assert told("volatility_20", *closing(*[100.0, 110.0] * 10, 100.0)) == pytest.approx(log(1.1))
    bars = [FLAT._replace(low=90.0), *[FLAT] * 18, FLAT._replace(high=130.0, close=120.0)]
    assert told("range_20", *bars) == pytest.approx(40.0 / 120.0)


def test_volumes() -> None:
    assert told("volume_ratio_5", *trading(0.0, 0.0, 10.0, 10.0, 30.0)) == pytest.approx(log(3.0))
    assert told("volume_ratio_20", *trading(*[10.0] * 19, 210.0)) == pytest.approx(log(10.5))
    assert told("volume_share_5_60", *trading(*[10.0] * 60)) == pytest.approx(5.0 / 60.0)
    assert told("volume_share_5_60", *trading(*[0.0] * 55, *[10.0] * 5)) == 1.0
    assert told("volume_variation_20", *trading(*[10.0, 30.0] * 10)) == pytest.approx(0.5)
    rising = [one._replace(volume=30.0) for one in closing(*range(100, 116))]
    falling = [one._replace(volume=10.0) for one in closing(114.0, 113.0, 112.0, 111.0, 110.0)]
    assert told("volume_balance_20", *rising, *falling) == pytest.approx((450.0 - 50.0) / (450.0 + 50.0))


def test_the_order_book() -> None:
    assert told("spread", BOOKED) == pytest.approx(200.0)
    assert told("book_imbalance_top", BOOKED) == pytest.approx(0.5)
    assert told("book_imbalance_ten", BOOKED._replace(ask_ten=90.0)) == pytest.approx(-0.5)
    assert told("depth_ratio", BOOKED) == pytest.approx(log(3.0))
    # Three are bid and one is offered: three quarters of the way from the bid to the ask, at 100.5.
    assert told("microprice_deviation", BOOKED) == pytest.approx(50.0)
    assert told("trade_flow", BOOKED._replace(taker_buy=7.5)) == pytest.approx(0.5)


def test_the_technical_ones() -> None:
    assert told("roc", *closing(100.0, *[90.0] * 9, 105.0)) == pytest.approx(5.0)
    assert told("rsi", *closing(*range(100, 116))) == 100.0
    assert told("rsi", *closing(*range(116, 100, -1))) == 0.0
    assert told("bollinger_percent_b", *closing(*[99.0, 101.0] * 10)) == pytest.approx(0.75)
    assert told("macd", *closing(*[100.0] * 34)) == 0.0
    bars = [FLAT._replace(high=102.0, low=98.0)] * 14
    assert told("stochastic_k", *bars) == pytest.approx(50.0)
    assert told("williams_r", *bars) == pytest.approx(-50.0)
    assert told("atr", *bars, FLAT._replace(high=102.0, low=98.0)) == pytest.approx(0.04)
    # Deviation of the typical price from its mean 0.95, their usual distance 2 × 0.05 × 0.95.
    assert told("cci", *closing(*[100.0] * 19, 101.0)) == pytest.approx(0.95 / (0.015 * 0.095))
    # It rises by one a bar and a bar reaches two: ten bars are five times the usual reach.
    marching = [FLAT._replace(close=100.0 + i, high=101.0 + i, low=99.0 + i) for i in range(15)]
    assert told("momentum", *marching) == pytest.approx(5.0)


def test_the_true_range_knows_the_jump_between_two_bars() -> None:
    bars = [FLAT, *[FLAT._replace(open=110.0, high=111.0, low=109.0, close=110.0)] * 14]

    assert told("atr", *bars) == pytest.approx((11.0 + 13 * 2.0) / 14.0 / 110.0)


@pytest.mark.parametrize("name", ["rsi", "bollinger_percent_b", "stochastic_k", "williams_r", "cci", "momentum"])
def test_a_market_that_stands_still_has_no_direction(name: str) -> None:
    before = closing(0.1, 0.2, 0.3, 0.15)

    assert isnan(told(name, *closing(*[0.1] * 100)))
    assert isnan(told(name, *before, *closing(*[0.1] * 500)))


@pytest.mark.parametrize("name", ["log_return", "mean_distance_20", "volatility_20", "range_20", "macd", "atr", "roc"])
def test_a_market_that_stands_still_moves_by_nothing(name: str) -> None:
    assert told(name, *closing(*[0.1] * 100)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.group == "volume"])
def test_where_nothing_was_ever_traded_volume_says_nothing(name: str) -> None:
    assert isnan(told(name, *trading(*[1e15, 0.1, 0.3], *[0.0] * 100)))


def test_a_bar_without_a_trade_is_not_less_than_usual_by_some_number() -> None:
    assert isnan(told("volume_ratio_20", *trading(*[10.0] * 30, 0.0)))
    assert isnan(told("trade_flow", BOOKED._replace(volume=0.0, taker_buy=0.0)))


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.group == "book"])
def test_without_a_book_its_features_are_missing_and_come_back_with_it(name: str) -> None:
    full = BOOKED._replace(taker_buy=7.5)

    assert isnan(told(name, *[FLAT] * 100))
    assert not isnan(told(name, FLAT, full))
    assert isnan(told(name, full, FLAT))


def test_a_book_that_cannot_be_says_nothing() -> None:
    assert isnan(told("spread", BOOKED._replace(best_bid=101.0, best_ask=99.0)))
    assert isnan(told("microprice_deviation", BOOKED._replace(best_bid=101.0, best_ask=99.0)))
    assert isnan(told("spread", BOOKED._replace(best_bid=0.0)))
    assert isnan(told("depth_ratio", BOOKED._replace(bid_ten=0.0)))
    assert isnan(told("book_imbalance_ten", BOOKED._replace(bid_ten=0.0, ask_ten=0.0)))
    assert told("book_imbalance_ten", BOOKED._replace(bid_ten=0.0)) == -1.0
    assert told("spread", BOOKED._replace(best_bid=100.0, best_ask=100.0)) == 0.0


def test_momentum_and_rate_of_change_are_two_things() -> None:
    """The same ten percent, once in a calm and once in a noisy market."""
    calm = closing(*[100.0] * 20, *range(101, 111))
    noisy = [candle._replace(high=candle.close + 20.0, low=candle.close - 20.0) for candle in calm]

    assert told("roc", *calm) == told("roc", *noisy)
    assert told("momentum", *calm) > 5.0 * told("momentum", *noisy)


def test_the_usual_deviation_counts_all_and_not_all_but_one() -> None:
    assert told("volume_variation_20", *trading(*[0.0] * 19, 20.0)) == pytest.approx(sqrt(19.0))
