"""Settlement: in at the next open, out by the bar's path, after costs, and never by guessing."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.market.candles import Candle, Candles, candles_from
from ml_service.domain.market.settlement import Costs, Plan, Settled, Side, Unsettled, settled
from tests.builders import NOW_MS

BAR_MS = 60_000
BEGIN_MS = NOW_MS - NOW_MS % BAR_MS
FREE = Costs(0.0, 0.0)
FLAT = (100.0, 100.0, 100.0, 100.0)


def bars(*prices: Sequence[float], begin_ms: int = BEGIN_MS) -> Candles:
    """One bar a minute: open, high, low, close. The signal comes in the first."""
    return candles_from(
        Candle(begin_ms + n * BAR_MS, open_, high, low, close, 1.0)
        for n, (open_, high, low, close) in enumerate(prices)
    )


def plan(side: Side = "BUY", minutes: float = 2.5, **fields: float) -> Plan:
    return Plan(side, BEGIN_MS + 20_000, round(minutes * BAR_MS), **fields)


def result(asked: Plan, candles: Candles, costs: Costs = FREE) -> Settled:
    found = settled(asked, candles, BAR_MS, costs)
    assert isinstance(found, Settled), found
    return found


def reason(asked: Plan, candles: Candles) -> str:
    found = settled(asked, candles, BAR_MS, FREE)
    assert isinstance(found, Unsettled), found
    return found.reason


def mirrored(candles: Candles, about: float = 100.0) -> Candles:
    """What rose falls by as much."""
    return replace(
        candles,
        open=2 * about - candles.open,
        high=2 * about - candles.low,
        low=2 * about - candles.high,
        close=2 * about - candles.close,
    )


def test_it_enters_at_the_open_of_the_next_bar_and_leaves_where_the_horizon_ends() -> None:
    candles = bars(FLAT, (101, 102, 100, 101.5), (101.5, 103, 101, 102), (102, 104, 101, 103.02), (103, 110, 90, 95))

    found = result(plan(minutes=2.5), candles)

    # The signal came 20 s into the first bar; two and a half minutes later it is the third bar's turn.
    assert found == Settled(
        entry_price=101.0,
        exit_price=102.0,
        why="horizon",
        opened_at_ms=BEGIN_MS + BAR_MS,
        closed_at_ms=BEGIN_MS + 3 * BAR_MS,
        pnl_percent=100.0 * 1.0 / 101.0,
    )


def test_the_bar_that_opens_at_the_very_moment_of_the_signal_is_not_the_next() -> None:
    candles = bars(FLAT, (101, 101, 101, 101), (102, 102, 102, 102))

    found = result(Plan("BUY", BEGIN_MS, 2 * BAR_MS), candles)

    assert (found.opened_at_ms, found.entry_price) == (BEGIN_MS + BAR_MS, 101.0)
    # The horizon ends with this bar, not within the one after it.
    assert (found.closed_at_ms, found.exit_price) == (BEGIN_MS + 2 * BAR_MS, 101.0)


def test_fee_and_slippage_are_paid_on_both_sides() -> None:
    candles = bars(FLAT, (100, 100, 100, 100), (100, 110, 100, 110), (110, 110, 110, 110))

    bought = result(plan(), candles, Costs(0.04, 0.02))
    sold = result(plan("SELL"), candles, Costs(0.04, 0.02))

    # 0.06 % of 100 paid and of 110 received, in percent of the 100.
    assert bought.pnl_percent == pytest.approx(10.0 - 0.06 - 0.066)
    assert sold.pnl_percent == pytest.approx(-10.0 - 0.06 - 0.066)


@pytest.mark.parametrize(
    ("then", "why", "price", "seconds"),
    [
        pytest.param([(100, 101, 94, 97)], "stop", 95.0, 180, id="the stop is touched"),
        pytest.param([(100, 106, 99, 101)], "target", 105.0, 180, id="the target is touched"),
        pytest.param([(100, 106, 94, 101)], "stop", 95.0, 180, id="both in one bar: the stop first"),
        pytest.param([(93, 106, 92, 101)], "stop", 93.0, 120, id="it opens beyond the stop: at its open"),
        pytest.param([(107, 108, 94, 101)], "target", 105.0, 120, id="it opens beyond the target: that came first"),
        pytest.param([(100, 104.9, 95.1, 99)], "horizon", 99.0, 180, id="neither is touched"),
        pytest.param([(100, 100, 95, 96)], "stop", 95.0, 180, id="the very price of the stop is enough"),
    ],
)
def test_stop_and_target_by_the_path_of_the_bar(
    then: list[Sequence[float]], why: str, price: float, seconds: int
) -> None:
    found = result(plan(stop=95.0, target=105.0), bars(FLAT, FLAT, *then, FLAT))

    assert (found.why, found.exit_price) == (why, price)
    assert found.closed_at_ms == BEGIN_MS + seconds * 1000
    assert found.pnl_percent == pytest.approx(price - 100.0)


def test_the_bar_of_the_entry_counts_from_its_open_on() -> None:
    assert result(plan(stop=95.0), bars(FLAT, (100, 100, 94, 99), FLAT)).closed_at_ms == BEGIN_MS + 2 * BAR_MS
    # What came before the entry does not.
    assert result(plan(stop=95.0), bars((100, 100, 90, 100), FLAT, FLAT)).why == "horizon"


def test_nothing_after_the_horizon_counts() -> None:
    candles = bars(FLAT, FLAT, FLAT, (100, 200, 1, 100))

    assert result(plan(minutes=2.5, stop=95.0, target=105.0), candles).why == "horizon"


@pytest.mark.parametrize(("side", "stop", "target"), [("BUY", 101.0, 99.0), ("SELL", 99.0, 101.0)])
def test_levels_on_the_wrong_side_are_left_out_and_told(side: Side, stop: float, target: float) -> None:
    candles = bars(FLAT, FLAT, (100, 103, 97, 102), FLAT)

    found = result(plan(side, stop=stop, target=target), candles)

    assert found.why == "horizon"
    expected = ("below", "above") if side == "BUY" else ("above", "below")
    assert found.not_followed == (
        f"stop: expected {expected[0]} 100 for a {side}, found {stop:g}",
        f"target: expected {expected[1]} 100 for a {side}, found {target:g}",
    )


def test_a_stop_that_the_market_passed_before_the_entry_closes_at_once() -> None:
    """The signal saw 100 and a stop at 95; the next bar opened at 94."""
    found = result(plan(price=100.0, stop=95.0), bars(FLAT, (94, 99, 90, 98), FLAT), Costs(0.04, 0.02))

    assert (found.why, found.entry_price, found.exit_price, found.not_followed) == ("stop", 94.0, 94.0, ())
    assert found.closed_at_ms == found.opened_at_ms
    assert found.pnl_percent == pytest.approx(-0.12)


@pytest.mark.parametrize("price", [100_000.0, 200.1, 49.9, 0.1])
def test_candles_of_another_price_are_of_another_instrument(price: float) -> None:
    """Or of another unit; its stop and its target mean nothing here, and neither does what became of it."""
    candles = bars(FLAT, FLAT, FLAT)

    assert reason(plan(price=price, stop=0.95 * price), candles) == "another_price"
    assert reason(plan("SELL", price=price), candles) == "another_price"


@pytest.mark.parametrize("price", [200.0, 101.0, 50.0, None])
def test_a_price_that_the_market_may_have_left_since_is_the_same_instrument_s(price: float | None) -> None:
    assert result(replace(plan(), price=price), bars(FLAT, FLAT, FLAT)).why == "horizon"


def test_what_cannot_be_known_is_not_guessed() -> None:
    asked = plan(minutes=4.5, stop=95.0)
    flat = [FLAT] * 8

    assert reason(asked, bars()) == "no_candles"
    assert reason(asked, bars(FLAT)) == "candles_end_early"
    assert reason(asked, bars(*flat[:4])) == "candles_end_early"
    assert reason(asked, bars(*flat)[np.array([0, 2, 3, 4, 5, 6])]) == "gap_over_entry"
    assert reason(asked, bars(*flat)[np.array([0, 1, 4, 5, 6])]) == "gap_on_the_way"
    assert reason(asked, bars(*flat)[np.array([0, 1, 2, 3, 7])]) == "gap_over_exit"
    assert reason(plan(minutes=0.5), bars(*flat)) == "bars_too_long"
    assert reason(asked, bars(FLAT, (0, 0, 0, 0), *flat)) == "no_price"
    assert reason(asked, bars(FLAT, FLAT, FLAT, FLAT, (np.nan,) * 4, FLAT)) == "no_price"
    assert reason(asked, bars(FLAT, FLAT, FLAT, FLAT, (np.inf,) * 4, FLAT)) == "no_price"
    assert reason(asked, bars(FLAT, (1e-320,) * 4, FLAT, FLAT, FLAT, FLAT)) == "no_price"


def test_what_more_candles_could_settle_is_told_apart() -> None:
    assert all(Unsettled(one).may_come for one in ("no_candles", "candles_end_early"))
    assert all(Unsettled(one).may_come for one in ("gap_over_entry", "gap_on_the_way", "gap_over_exit"))
    assert not any(Unsettled(one).may_come for one in ("bars_too_long", "another_price", "no_price"))


def test_a_level_that_was_touched_needs_no_candles_beyond() -> None:
    found = result(plan(minutes=600, stop=95.0), bars(FLAT, FLAT, (100, 100, 94, 99)))

    assert (found.why, found.closed_at_ms) == ("stop", BEGIN_MS + 3 * BAR_MS)


def test_a_minute_without_a_trade_does_not_matter_in_a_long_time() -> None:
    candles = bars(*[FLAT] * 62)
    one_missing = candles[np.delete(np.arange(62), 30)]

    assert result(plan(minutes=60), one_missing).why == "horizon"
    # But over a gap, the stop is what the next bar opens at.
    fallen = replace(one_missing, open=np.where(np.arange(61) == 30, 90.0, one_missing.open))
    fallen = replace(fallen, low=np.minimum(fallen.low, fallen.open))
    assert result(plan(minutes=60, stop=95.0), fallen).exit_price == 90.0


PRICES = st.floats(80.0, 120.0)


@st.composite
def markets(draw: st.DrawFn) -> Candles:
    opens, closes, ups, downs = (draw(st.lists(PRICES, min_size=6, max_size=6)) for _ in range(4))
    return bars(*[(o, max(o, c, u), min(o, c, d), c) for o, c, u, d in zip(opens, closes, ups, downs, strict=True)])


@given(candles=markets(), stop=st.none() | PRICES, target=st.none() | PRICES, minutes=st.floats(1.0, 5.0))
def test_a_sell_is_a_buy_in_a_mirror(
    candles: Candles, stop: float | None, target: float | None, minutes: float
) -> None:
    asked = replace(plan(minutes=minutes), stop=stop, target=target)
    other = replace(
        asked,
        side="SELL",
        stop=200.0 - stop if stop is not None else None,
        target=200.0 - target if target is not None else None,
    )

    bought, sold = result(asked, candles), result(other, mirrored(candles))

    assert (sold.why, sold.opened_at_ms, sold.closed_at_ms) == (bought.why, bought.opened_at_ms, bought.closed_at_ms)
    assert 200.0 - sold.exit_price == pytest.approx(bought.exit_price)
    gain = bought.exit_price - bought.entry_price
    assert bought.pnl_percent == pytest.approx(100.0 * gain / bought.entry_price)
    assert sold.pnl_percent == pytest.approx(100.0 * gain / sold.entry_price)


@given(candles=markets(), stop=st.none() | PRICES, target=st.none() | PRICES, minutes=st.floats(1.0, 5.0))
def test_it_agrees_with_walking_from_bar_to_bar(
    candles: Candles, stop: float | None, target: float | None, minutes: float
) -> None:
    asked = replace(plan(minutes=minutes), stop=stop, target=target)

    found = result(asked, candles)

    assert (found.why, found.exit_price) == walked(asked, candles)


def walked(asked: Plan, candles: Candles) -> tuple[str, float]:
    rows = list(candles.rows())[1:]
    stop = asked.stop if asked.stop is not None and asked.stop < rows[0].open else -np.inf
    target = asked.target if asked.target is not None and asked.target > rows[0].open else np.inf
    for row in rows:
        if row.open <= stop:
            return "stop", row.open
        if row.open >= target:
            return "target", target
        if row.low <= stop:
            return "stop", stop
        if row.high >= target:
            return "target", target
        if row.opened_at_ms + BAR_MS >= asked.until_ms:
            return "horizon", row.close
    raise AssertionError


@given(candles=markets(), stop=PRICES, minutes=st.floats(1.0, 4.0))
def test_candles_beyond_the_horizon_change_nothing(candles: Candles, stop: float, minutes: float) -> None:
    asked = plan(minutes=minutes, stop=stop)
    needed = int(minutes + 20 / 60) + 1

    assert result(asked, candles[: max(needed, 2) + 1]) == result(asked, candles)
