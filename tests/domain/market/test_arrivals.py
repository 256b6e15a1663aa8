"""What is refused of candles that come in, and why."""

import numpy as np
import pytest

from ml_service.domain.market.arrivals import admitted
from ml_service.domain.market.candles import Candles, joined
from tests.candles import FIRST_MS, HOUR_MS, changed, rows, walk

LATER_MS = FIRST_MS + 1_000 * HOUR_MS


def refusals(candles: Candles, now_ms: int = LATER_MS) -> list[tuple[int, str]]:
    return [(one.opened_at_ms, one.why) for one in admitted(candles, "1h", now_ms)[1]]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"opened_at_ms": FIRST_MS + 2 * HOUR_MS + 1}, "not on the grid of its interval"),
        ({"close": float("nan")}, "a price is missing or not a number"),
        ({"open": float("inf"), "high": float("inf")}, "a price is missing or not a number"),
        ({"low": 0.0}, "a price is not above zero"),
        ({"low": -1.0}, "a price is not above zero"),
        ({"high": 1.0}, "high is below open, low or close"),
        ({"low": 1e9, "high": 1e10}, "low is above open, high or close"),
        ({"volume": float("nan")}, "volume is missing, negative or not a number"),
        ({"volume": -1.0}, "volume is missing, negative or not a number"),
        ({"volume": float("inf")}, "volume is missing, negative or not a number"),
        ({"taker_buy": 1e9}, "more was bought than traded"),
        ({"best_bid": 2.0, "best_ask": 1.0}, "the order book is crossed"),
        ({"bid_ten": -1.0}, "a part of the order book is beyond reason"),
        ({"ask_top": 1e19}, "a part of the order book is beyond reason"),
        ({"high": 1e19}, "a price is beyond reason"),
        ({"low": 1e-16}, "a price is beyond reason"),
        ({"volume": 1e19}, "volume is beyond reason"),
        ({"volume": 1e-300}, "volume is beyond reason"),
        ({"opened_at_ms": 1_230_937_200_000}, "before 2009"),
    ],
)
def test_a_bar_that_cannot_be_is_refused_by_name_and_the_others_are_not(wrong: dict[str, float], why: str) -> None:
    candles = changed(walk(5), 2, **wrong)

    kept, refused = admitted(candles, "1h", LATER_MS)

    assert [(one.opened_at_ms, one.why) for one in refused] == [(int(candles.opened_at_ms[2]), why)]
    assert rows(kept) == rows(joined([candles[:2], candles[3:]]))


def test_what_can_be_is_taken_however_small_or_large() -> None:
    candles = changed(walk(5), 2, volume=0.0)
    for name in ("open", "high", "low", "close"):
        candles = changed(candles, 3, **{name: 1e-9})

    assert refusals(candles) == []


def test_a_bar_is_taken_from_the_moment_it_has_closed() -> None:
    candles = walk(3)
    closed_at_ms = FIRST_MS + 3 * HOUR_MS

    assert refusals(candles, closed_at_ms) == []
    assert refusals(candles, closed_at_ms - 1) == [(FIRST_MS + 2 * HOUR_MS, "not closed yet")]


def test_bars_come_out_in_the_order_of_time() -> None:
    candles = walk(6)

    kept, refused = admitted(candles[np.array([3, 0, 5, 1, 4, 2])], "1h", LATER_MS)

    assert refused == ()
    assert rows(kept) == rows(candles)


def test_a_bar_that_comes_twice_is_taken_once() -> None:
    candles = walk(3)

    assert refusals(joined([candles, candles[1:2]])) == [(FIRST_MS + HOUR_MS, "the same bar twice")]
    assert refusals(joined([candles, changed(candles, 1, volume=3.0)[1:2]])) == [
        (FIRST_MS + HOUR_MS, "the same bar twice, with other values")
    ]


def test_a_real_bar_of_a_third_is_no_reason_to_refuse() -> None:
    candles = walk(5)
    crash = changed(candles, 2, low=float(candles.open[2]) * 0.6, close=float(candles.open[2]) * 0.67)

    assert refusals(crash) == []
