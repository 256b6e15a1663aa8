"""Episodes: asked again and again, a signal is one piece of evidence."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.market.episodes import HORIZON_MINUTES_MAX, MINUTE_MS, Episode, Judged, gathered
from ml_service.domain.market.settlement import Plan

HORIZON = 60.0


def judged(minute: float, taken: bool = False, symbol: str = "BTCUSDT", **fields: object) -> Judged:
    given: dict[str, object] = {"side": "BUY", **fields}
    return Judged(round(minute * MINUTE_MS), f"d-{minute:g}", symbol, taken=taken, **given)  # type: ignore[arg-type]


def told(episodes: list[Episode]) -> list[tuple[str, bool]]:
    return [(one.decision_id, one.taken) for one in episodes]


def test_what_is_asked_within_the_horizon_is_one_episode() -> None:
    asked = [judged(0.75 * number) for number in range(100)]

    # 75 minutes of asking; the one at 60 begins the next.
    assert told(gathered([], asked, HORIZON)) == [("d-0", False), ("d-60", False)]


def test_its_first_take_speaks_for_it_else_its_first_decision() -> None:
    found = gathered([], [judged(0), judged(10, taken=True), judged(20, taken=True), judged(30)], HORIZON)

    assert told(found) == [("d-10", True)]
    assert (found[0].began_at_ms, found[0].until_ms, found[0].at_ms) == (0, 60 * MINUTE_MS, 10 * MINUTE_MS)
    assert found[0].due_at_ms(5) == 70 * MINUTE_MS + 5


def test_what_was_refused_waits_for_no_report() -> None:
    (found,) = gathered([], [judged(0)], HORIZON)

    assert found.due_at_ms(silent_ms=99) == 60 * MINUTE_MS


def test_symbols_and_sides_are_kept_apart() -> None:
    asked = [judged(0), judged(1, side="SELL"), judged(2, symbol="ETHUSDT"), judged(3)]

    assert told(gathered([], asked, HORIZON)) == [("d-0", False), ("d-1", False), ("d-2", False)]


def test_a_signal_may_name_its_own_horizon() -> None:
    found = gathered([], [judged(0, horizon_minutes=5.0), judged(4), judged(6, horizon_minutes=1e300)], HORIZON)

    assert told(found) == [("d-0", False), ("d-6", False)]
    assert [one.horizon_ms for one in found] == [5 * MINUTE_MS, int(HORIZON_MINUTES_MAX) * MINUTE_MS]


def test_what_closes_a_position_is_no_signal_to_enter() -> None:
    assert gathered([], [judged(0, taken=True, reduce_only=True)], HORIZON) == []


def test_its_plan_is_what_the_signal_carried_as_far_as_it_makes_a_price() -> None:
    (one,) = gathered([], [judged(0, side="SELL")], HORIZON)

    assert one.plan({"price": 100, "stop": 101.5}) == Plan("SELL", 0, 60 * MINUTE_MS, 100.0, 101.5, None)
    assert one.plan({"price": "100", "stop": -1.0, "target": None}) == Plan("SELL", 0, 60 * MINUTE_MS)


@given(
    minutes=st.lists(st.tuples(st.integers(0, 500), st.booleans(), st.sampled_from(["BUY", "SELL"])), max_size=60),
    cut=st.integers(0, 60),
)
def test_read_in_parts_they_are_the_same(minutes: list[tuple[int, bool, str]], cut: int) -> None:
    asked = [judged(at, taken, side=side) for at, taken, side in sorted(minutes)]

    whole = gathered([], asked, HORIZON)

    assert gathered(gathered([], asked[:cut], HORIZON), asked[cut:], HORIZON) == whole
    for side in ("BUY", "SELL"):
        own = [one for one in whole if one.side == side]
        assert all(after.began_at_ms >= before.until_ms for before, after in pairwise(own))
