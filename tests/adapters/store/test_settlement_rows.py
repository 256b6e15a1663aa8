"""What settlement reads: who decided, what the gate took or refused, and what is known of an episode."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.gate import decide
from ml_service.domain.market.episodes import Episode, Judged, gathered
from ml_service.domain.outcomes import Outcome
from ml_service.domain.types import Decision, Signal
from ml_service.ports import Page
from tests.adapters.store.rows import report, write
from tests.builders import NOW_MS, decision, drawn, outcome, policy, rejected, signal, taken, values

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
LATER_MS = NOW_MS + 24 * HOUR_MS


def asked(name: str, minute: int = 0, user_id: str = "ada", reduce_only: bool = False, **details: Any) -> Decision:
    judged = Signal("BTCUSDT", "BUY", {"confidence": 0.1}, reduce_only, details)
    return decision(name, user_id, NOW_MS + minute * MINUTE_MS, judged)


def judged(
    store: SqlStore, after: tuple[int, str] = (0, ""), until_ms: int = LATER_MS, limit: int = 10
) -> Page[Judged]:
    with store.read() as reading:
        return reading.judged("ada", after, until_ms, limit)


def names(page: Page[Judged]) -> list[str]:
    return [one.decision_id for one in page.items]


def test_everybody_who_decides_comes_in_order_a_few_at_a_time(database: Database, store: SqlStore) -> None:
    write(database, *(asked(f"d-{n}", n, user) for user in ("cy", "ada", "bob") for n in range(3)))

    with store.read() as reading:
        first = reading.users_deciding(None, 2)
        assert (first, reading.users_deciding("bob", 2), reading.users_deciding("cy", 2)) == (
            ["ada", "bob"],
            ["cy"],
            [],
        )


def test_only_what_the_gate_took_or_refused_is_judged(database: Database, store: SqlStore) -> None:
    lacking = decision("lacking", judged=signal(confidence=0.9))
    lacking = lacking._replace(verdict=decide(lacking.signal, values(), policy(rsi_threshold="reject")))
    write(
        database,
        taken("took"),
        rejected("refused"),
        lacking,
        drawn(1.0, "explored"),
        decision("hold", judged=signal("HOLD", confidence=0.1)),
        decision("unasked", judged=signal(None, confidence=0.1)),
        decision("nothing", judged=signal()),
        decision("anywhere", judged=signal(symbol="*", confidence=0.1)),
        asked("killed")._replace(verdict=replace(asked("killed").verdict, code="kill_switch"), killed=True),
        rejected("other")._replace(user_id="bob"),
    )

    found = {one.decision_id: one.taken for one in judged(store).items}

    assert found == {"took": True, "refused": False, "lacking": False, "explored": True}


def test_a_decision_tells_its_horizon_and_whether_it_closes(database: Database, store: SqlStore) -> None:
    write(database, asked("a"), asked("b", 1, horizon_minutes=90.5, stop=1.0), asked("c", 2, reduce_only=True))

    assert judged(store).items == (
        Judged(NOW_MS, "a", "BTCUSDT", "BUY", False),
        Judged(NOW_MS + MINUTE_MS, "b", "BTCUSDT", "BUY", False, False, 90.5),
        Judged(NOW_MS + 2 * MINUTE_MS, "c", "BTCUSDT", "BUY", False, True),
    )


@pytest.mark.parametrize(
    "given", ['{"horizon_minutes"', '{"details": {"horizon_minutes": "long"}}', '["horizon_minutes"]']
)
def test_a_row_that_was_damaged_by_hand_has_the_usual_horizon(database: Database, store: SqlStore, given: str) -> None:
    write(database, asked("a"))
    with database.write() as connection:
        connection.execute(update(t.decisions).values(input=given))

    assert judged(store).items == (Judged(NOW_MS, "a", "BTCUSDT", "BUY", False),)


def test_they_are_read_on_from_where_one_stopped(database: Database, store: SqlStore) -> None:
    write(database, *(asked(name, minute) for name, minute in (("b", 0), ("a", 0), ("c", 1), ("d", 2))))

    first = judged(store, limit=2)
    rest = judged(store, after=(NOW_MS, "b"))

    assert (names(first), first.next_cursor is None) == (["a", "b"], False)
    assert (names(rest), rest.next_cursor) == (["c", "d"], None)
    assert names(judged(store, until_ms=NOW_MS + MINUTE_MS)) == ["a", "b"]


def episode(store: SqlStore) -> Episode:
    (found,) = gathered([], judged(store).items, 60.0)
    return found


@pytest.mark.parametrize(
    ("reported", "told"),
    [
        (outcome(decision_id="first"), True),
        (outcome(decision_id="last"), True),
        (outcome(decision_id="last", accepted=False), True),
        (outcome(decision_id="last", pnl_percent=5000.0), True),
        (outcome(decision_id="after"), False),
        (outcome(decision_id="sold"), False),
        (outcome(decision_id="ether", symbol="ETHUSDT"), False),
        (outcome(), False),
        (outcome(user_id="bob", decision_id="first"), False),
    ],
)
def test_an_episode_is_told_by_an_outcome_of_any_of_its_decisions(
    database: Database, store: SqlStore, reported: Outcome, told: bool
) -> None:
    write(database, asked("first"), asked("last", 59))
    own = episode(store)
    at_ms = NOW_MS + MINUTE_MS
    write(database, asked("after", 60), rejected("sold", at_ms, action="SELL"), rejected("ether", at_ms, "ETHUSDT"))
    write(database, asked("first", user_id="bob"))
    report(database, reported)

    with store.read() as reading:
        assert reading.is_told("ada", own) is told


def settled(name: str, **fields: Any) -> Outcome:
    given = {"accepted": False, "side": "BUY", "source": "settlement", "decision_id": name, "pnl": None, **fields}
    given.setdefault("ignored", {"episode": [NOW_MS, NOW_MS + HOUR_MS]})
    given.setdefault("closed_at_ms", NOW_MS + HOUR_MS + MINUTE_MS)
    return outcome(f"settled:{name}", **given)


@pytest.mark.parametrize(
    ("decided", "found"), [("first", True), ("last", True), ("after", False), ("sold", False), ("unknown", False)]
)
def test_what_was_worked_out_for_an_episode_is_found_by_any_of_its_decisions(
    database: Database, store: SqlStore, decided: str, found: bool
) -> None:
    write(database, asked("first"), asked("last", 59), asked("after", 60), rejected("sold", NOW_MS, action="SELL"))
    report(database, settled("first"), outcome("own", decision_id="last", accepted=False), at_ms=LATER_MS)

    with store.read() as reading:
        stored = reading.settled_for("ada", decided, 60.0)

    assert (stored.outcome.trade_id if stored else None) == ("settled:first" if found else None)


def test_it_is_found_whatever_horizon_the_decision_itself_names(database: Database, store: SqlStore) -> None:
    """A bot may name another each time; the episode lasts as long as the first of its decisions said."""
    days, length_ms = 24 * 60, 10 * 24 * HOUR_MS
    write(
        database,
        asked("first", horizon_minutes=10 * days),
        asked("brief", 60, horizon_minutes=5),
        asked("late", 9 * days, horizon_minutes=5),
        asked("after", 10 * days, horizon_minutes=10 * days),
    )
    own = settled("first", closed_at_ms=NOW_MS + length_ms, ignored={"episode": [NOW_MS, NOW_MS + length_ms]})
    early = settled("other", side="SELL", closed_at_ms=NOW_MS + HOUR_MS)
    report(database, own, early, at_ms=LATER_MS + length_ms)

    with store.read() as reading:
        found = {name: reading.settled_for("ada", name, 60.0) for name in ("first", "brief", "late", "after")}

    names = {name: one.outcome.trade_id if one else None for name, one in found.items()}
    assert names == {"first": "settled:first", "brief": "settled:first", "late": "settled:first", "after": None}


def test_what_gave_way_is_found_no_more(database: Database, store: SqlStore) -> None:
    write(database, asked("first"), asked("last", 59))
    report(database, settled("first"), outcome("own", decision_id="last", accepted=False), at_ms=LATER_MS)

    with store.begin() as tx:
        current = tx.outcome_to_change("ada", "settled:first")
        assert current is not None
        tx.save_stand_in(current, "own")

    with store.read() as reading:
        assert reading.settled_for("ada", "last", 60.0) is None
        replaced = reading.outcome("ada", "settled:first")
        assert replaced is not None
        assert replaced.superseded_by == "own"
