"""Rows of features: a table of many bars, one bar at a time, and back again after a restart."""

from math import isnan, nan

import numpy as np
import pytest

from ml_service.domain.market.candles import Candle, Candles, candles_from, joined
from ml_service.features import FEATURES
from ml_service.features.rows import SETTLED_BARS, WARM_UP_BARS, Live, missing, table, warmed
from ml_service.features.schema import SCHEMA
from tests.features.series import lively, minutes, rows_of, scaled, still, troubled

BOOK = tuple(name for name, feature in FEATURES.items() if feature.group == "book")


def following(*parts: Candles) -> Candles:
    """One series of them all, one bar a minute."""
    whole = joined(parts)
    return Candles(minutes(len(whole)), *(getattr(whole, name) for name in Candles.__slots__[1:]))


def test_a_table_has_a_row_for_every_bar_and_a_column_for_every_feature() -> None:
    candles = troubled()

    found = table(candles)

    assert found.shape == (len(candles), 25)
    for column, name in enumerate(SCHEMA.names):
        assert np.array_equal(found[:, column], FEATURES[name].batch(candles), equal_nan=True)
    assert table(candles_from(())).shape == (0, 25)


def test_bar_by_bar_gives_the_rows_of_the_table() -> None:
    live = Live()

    found = np.array([live.step(candle) for candle in rows_of("troubled")])

    np.testing.assert_allclose(found, table(troubled()), rtol=1e-9, atol=1e-9)


def test_after_a_restart_it_goes_on_as_if_it_had_never_stopped() -> None:
    """The worst there is to forget: a crash, and then a market that hardly moves at a ten thousandth of the price."""
    loud = scaled(lively(700, seed=6, step=0.1), 1e4, 1e9)
    candles = following(loud, still(), lively(900, seed=7, step=1e-7, price=60.0), still(), troubled())
    rows = list(candles.rows())
    uninterrupted = Live()
    expected = np.array([uninterrupted.step(candle) for candle in rows])
    assert len(rows) > 3 * SETTLED_BARS

    for stopped in (SETTLED_BARS - 200, SETTLED_BARS, 1_500, 2_300, len(rows) - 70):
        live = warmed(candles[max(stopped - SETTLED_BARS, 0) : stopped])
        found = np.array([live.step(candle) for candle in rows[stopped : stopped + 70]])
        np.testing.assert_allclose(found, expected[stopped : stopped + 70], rtol=1e-9, atol=1e-9)


def test_fewer_bars_than_that_would_not_do() -> None:
    """Proves that the test above looks at something that can go wrong."""
    candles = following(lively(700, seed=6, step=0.1), lively(SETTLED_BARS, seed=7, step=1e-9, price=60.0))
    expected = table(candles)[-1]

    found = table(candles[-SETTLED_BARS // 3 :])[-1]

    assert not np.allclose(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    np.testing.assert_allclose(table(candles[-SETTLED_BARS:])[-1], expected, rtol=1e-9, atol=1e-9)


def test_warming_up_reads_no_more_bars_than_it_needs() -> None:
    candles = lively(SETTLED_BARS + 500)

    one, other = warmed(candles), warmed(candles[500:])

    after = lively(SETTLED_BARS + 501)[-1:]
    [candle] = after.rows()
    assert one.step(candle) == other.step(candle)
    assert one.last_ms == candle.opened_at_ms


def test_nothing_is_missing_once_every_feature_has_had_its_bars() -> None:
    live = Live()
    rows = rows_of("lively")

    assert live.last_ms is None
    for candle in rows[:WARM_UP_BARS]:
        assert missing(live.step(candle))
    assert missing(live.step(rows[WARM_UP_BARS])) == ()


def test_what_is_missing_is_named() -> None:
    live = warmed(candles_from(candle._replace(best_bid=nan, bid_top=nan, ask_ten=nan) for candle in rows_of("lively")))
    candle = lively(601)[-1:]
    [last] = candle.rows()

    values = live.step(last._replace(best_bid=nan, bid_top=nan, ask_ten=nan))

    assert missing(values) == (
        "spread",
        "book_imbalance_top",
        "book_imbalance_ten",
        "depth_ratio",
        "microprice_deviation",
    )
    assert missing(live.step(last._replace(opened_at_ms=last.opened_at_ms + 1, taker_buy=nan, volume=0.0))) == (
        "volume_ratio_5",
        "volume_ratio_20",
        "trade_flow",
    )


def test_no_value_of_an_order_book_is_made_up() -> None:
    live = Live()
    bare = [candle_without_book(candle) for candle in rows_of("lively")[:100]]

    for candle in bare:
        values = dict(zip(SCHEMA.names, live.step(candle), strict=True))
        assert all(isnan(values[name]) for name in BOOK)


def candle_without_book(candle: Candle) -> Candle:
    return Candle(*candle[:6])


def test_a_bar_that_came_before_is_not_taken_in() -> None:
    live = warmed(lively(10))

    with pytest.raises(AssertionError):
        live.step(rows_of("lively")[3])
