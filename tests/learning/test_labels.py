"""Labels: what a trade would have come to, by hand; none where nobody could have known."""

import numpy as np
import pytest

from ml_service.domain.market.candles import Candles, candles_of
from ml_service.domain.market.settlement import Costs, Plan, Settled, settled
from ml_service.learning.labels import PACE_BARS, Label, labels_of
from tests.candles import HOUR_MS, walk

COSTS = Costs(fee_percent=0.04, slippage_percent=0.02)
FREE = Costs(0.0, 0.0)


def bars(*rows: tuple[float, float, float, float]) -> Candles:
    """Open, high, low, close; hours."""
    open_, high, low, close = np.array(rows).T
    return candles_of(np.arange(len(rows)) * HOUR_MS, open_, high, low, close, np.ones(len(rows)))


def test_a_purchase_is_in_at_the_next_open_and_out_at_the_close_that_ends_the_horizon() -> None:
    found = labels_of(walk(200), HOUR_MS, Label(5), COSTS)
    candles = walk(200)

    entry, leaving = candles.open[11], candles.close[15]
    paid = 0.0006 * (entry + leaving) / entry
    assert found.places[10] == 10
    assert found.known_from[10] == 15
    assert found.bought[10] == pytest.approx(leaving / entry - 1.0 - paid)
    assert found.sold[10] == pytest.approx(1.0 - leaving / entry - paid)
    assert found.places[-1] == 194


def test_it_comes_to_what_settlement_says_a_trade_came_to() -> None:
    candles = walk(200)
    found = labels_of(candles, HOUR_MS, Label(5), COSTS)

    # Told between two bars: after bar 20 has closed.
    at_ms = int(candles.opened_at_ms[21]) - 1
    end = settled(Plan("SELL", at_ms, 5 * HOUR_MS + 1), candles, HOUR_MS, COSTS)

    assert isinstance(end, Settled)
    assert found.sold[20] == pytest.approx(end.pnl_percent / 100.0)


def test_no_label_reaches_over_a_gap() -> None:
    candles = walk(100)
    holed = candles[np.delete(np.arange(100), 50)]

    found = labels_of(holed, HOUR_MS, Label(5), COSTS)

    assert not set(range(45, 50)) & set(found.places.tolist())
    assert {44, 50} <= set(found.places.tolist())


def test_no_label_changes_when_bars_after_it_is_known_are_taken_away() -> None:
    label = Label(8, "triple_barrier", 0.5)
    whole = labels_of(walk(300), HOUR_MS, label, COSTS)
    part = labels_of(walk(300)[:200], HOUR_MS, label, COSTS)

    count = part.places.size
    assert count > 100
    assert whole.places[:count].tolist() == part.places.tolist()
    assert whole.bought[:count].tolist() == part.bought.tolist()


def test_barriers_end_a_trade_early_and_the_worse_one_counts_where_both_were_touched() -> None:
    calm = [(100.0, 100.0, 100.0, 100.0 + 0.1 * (place % 2)) for place in range(PACE_BARS + 1)]
    rises = [(100.0, 103.0, 100.0, 102.0), (102.0, 102.0, 102.0, 102.0)]
    both = [(100.0, 103.0, 97.0, 100.0), (100.0, 100.0, 100.0, 100.0)]
    label = Label(2, "triple_barrier", 1.0)

    up = labels_of(bars(*calm, *rises), HOUR_MS, label, FREE)
    torn = labels_of(bars(*calm, *both), HOUR_MS, label, FREE)

    reach = up.bought[-1]
    assert 0.001 < reach < 0.002
    assert up.sold[-1] == pytest.approx(-reach)
    assert up.known_from[-1] == up.places[-1] + 1
    assert torn.bought[-1] == pytest.approx(-reach)
    assert torn.sold[-1] == pytest.approx(-reach)
