"""Histories for the tests of performance: trades by hand, and every kind that hypothesis can think of."""

from hypothesis import strategies as st

from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.trade import ClosedTrade

DAY = 20_000
START_MS = DAY * DAY_MS


def trade(pnl: float | None = 1.0, /, day: float = 0, **fields: object) -> ClosedTrade:
    """`day` counts from DAY, and may be a fraction."""
    given: dict[str, object] = {"at_ms": START_MS + int(day * DAY_MS), "symbol": "BTCUSDT", "pnl": pnl, **fields}
    return ClosedTrade(**given)  # type: ignore[arg-type]  # a builder


def returned(*percent: float) -> list[ClosedTrade]:
    """One trade a day, each with this result in percent."""
    return [trade(value, day=number, pnl_percent=value) for number, value in enumerate(percent)]


def trades(amount: st.SearchStrategy[float], max_size: int = 40) -> st.SearchStrategy[list[ClosedTrade]]:
    """Ordered by time, over a few days, with anything left out that may be."""
    one = st.builds(
        trade,
        st.none() | amount,
        day=st.floats(0, 12),
        pnl_percent=st.none() | amount,
        r=st.none() | amount,
        held_ms=st.none() | st.integers(0, 3 * DAY_MS),
        notional=st.none() | st.integers(0, 10_000).map(float),
        symbol=st.sampled_from(["BTCUSDT", "ETHUSDT"]),
        revision=st.none() | st.integers(0, 3),
        regime=st.sampled_from([None, "trending", "sideways"]),
        quarantined=st.booleans(),
    )
    return st.lists(one, max_size=max_size).map(lambda given: sorted(given, key=lambda made: made.at_ms))


EXACT = st.integers(-40, 40).map(lambda whole: whole / 8)
"""Sums of these are exact in a double, so nothing needs a tolerance."""

ANY = st.floats(-90, 90)
