"""Summary: a roll-up equals the rows it summarises, however they were split."""

from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.performance.summary import NO_TRADES, Summary, added, merged, summarised
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.performance.histories import ANY, EXACT, trade, trades


def flat(summary: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(summary, tuple):
        return {name: summary}
    found: dict[str, Any] = {}
    for part, value in summary._asdict().items():  # type: ignore[attr-defined]
        found |= flat(value, f"{name}.{part}")
    return found


def alike(one: Summary, other: Summary, scale: float) -> bool:
    """Equal, but for rounding in sums: a billionth of all that went into them."""
    pairs = zip(flat(one).items(), flat(other).values(), strict=True)
    return all(
        there == pytest.approx(here, rel=1e-9, abs=1e-9 * scale) if isinstance(here, float) else here == there
        for (_, here), there in pairs
    )


def gross(given: list[ClosedTrade]) -> float:
    return sum(abs(made.pnl or 0.0) for made in given)


def test_everything_is_added_up() -> None:
    made = summarised(
        [
            trade(10.0, day=0.5, pnl_percent=50.0, r=2.0, held_ms=1000, notional=20.0),
            trade(-5.0, day=0.6, pnl_percent=-20.0, held_ms=3000),
            trade(0.0, day=0.7, quarantined=True),
            trade(None, day=0.8),
        ]
    )

    assert (made.trades, made.wins, made.losses, made.ties, made.quarantined) == (4, 1, 1, 1, 1)
    assert (made.pnl.known, made.percent.known, made.r.known) == (3, 2, 1)
    assert made.growth == pytest.approx(1.5 * 0.8)
    assert (made.holding.known, made.holding.held_ms, made.holding.notional_ms) == (2, 4000, 20_000.0)


def test_a_loss_of_more_than_everything_leaves_nothing() -> None:
    assert summarised([trade(pnl_percent=-150.0), trade(pnl_percent=-150.0)]).growth == 0.0


@given(trades(EXACT), st.data())
def test_any_split_merges_into_the_whole(history: list[ClosedTrade], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(history)), max_size=5)))
    parts = [history[start:end] for start, end in zip([0, *cuts], [*cuts, len(history)], strict=True)]

    whole = summarised(history)
    rolled_up = reduce(merged, (summarised(part) for part in parts), NO_TRADES)

    # Growth is a product, and products round.
    assert rolled_up.growth == pytest.approx(whole.growth, rel=1e-9)
    assert rolled_up._replace(growth=whole.growth) == whole


@given(trades(ANY, max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_sums_that_round_agree_to_a_billionth(history: list[ClosedTrade], one: int, other: int) -> None:
    low, high = sorted((one, other))
    a, b, c = summarised(history[:low]), summarised(history[low:high]), summarised(history[high:])

    assert alike(merged(merged(a, b), c), summarised(history), gross(history))
    assert alike(merged(a, merged(b, c)), summarised(history), gross(history))


@given(trades(EXACT))
def test_adding_trade_by_trade_gives_the_same(history: list[ClosedTrade]) -> None:
    whole = summarised(history)
    one_by_one = reduce(added, history, NO_TRADES)

    assert one_by_one._replace(growth=whole.growth) == whole
    assert one_by_one.growth == pytest.approx(whole.growth, rel=1e-9)


@given(trades(EXACT))
def test_nothing_merged_changes_nothing(history: list[ClosedTrade]) -> None:
    made = summarised(history)

    assert merged(made, NO_TRADES) == merged(NO_TRADES, made) == made
