"""A reported outcome comes back as it was told."""

from dataclasses import replace

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.lessons import lesson_of
from ml_service.ports import Period
from tests.adapters.store.rows import ALL, pages, report, write
from tests.builders import NOW_MS, drawn, outcome, taken


def test_an_outcome_comes_back_as_it_was_reported(database: Database, store: SqlStore) -> None:
    told = outcome(
        accepted=False,
        side="SELL",
        fees=0.5,
        entry_price=101.25,
        exit_price=100.0,
        quantity=3.0,
        risk=4.0,
        opened_at_ms=NOW_MS - 9000,
        closed_at_ms=NOW_MS - 1000,
        corrects="t-0",
        ignored={"venue": "x"},
    )

    report(database, told)

    with store.read() as reading:
        (found,) = reading.outcomes("ada", ALL, None, 10).items
    assert found.outcome == told
    assert (found.received_at_ms, found.match, found.quarantined) == (NOW_MS, "none", None)


def test_the_chance_of_a_decision_is_kept_beside_its_outcome(database: Database, store: SqlStore) -> None:
    made = [drawn(0.2, f"d-{number}") for number in range(20)]
    write(database, *made)
    report(database, *(outcome(one.decision_id, decision_id=one.decision_id) for one in made))

    with store.read() as reading:
        found = {one.outcome.trade_id: one.lesson for one in reading.outcomes("ada", ALL, None, 50).items}

    assert found == {one.decision_id: lesson_of(one) for one in made}
    assert {one.propensity for one in found.values() if one is not None} == {0.2, 0.8}


def test_outcomes_go_by_closing_time_else_by_arrival(database: Database, store: SqlStore) -> None:
    report(database, outcome("late", closed_at_ms=NOW_MS - 50), outcome("undated"))
    report(database, outcome("early", closed_at_ms=NOW_MS - 100))

    with store.read() as reading:
        found = pages(lambda cursor: reading.outcomes("ada", ALL, cursor, 1))

    assert [page[0].outcome.trade_id for page in found] == ["undated", "late", "early"]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period(kind="accepted"), {"t-1", "t-3"}),
        (Period(kind="rejected"), {"t-2"}),
        (Period(kind="quarantined"), {"t-3"}),
        (Period(symbol="ETHUSDT"), {"t-2"}),
        (Period(since_ms=NOW_MS), {"t-1", "t-2", "t-3"}),
        (Period(until_ms=NOW_MS), set()),
    ],
)
def test_outcomes_are_narrowed_by_kind_symbol_and_time(
    database: Database, store: SqlStore, period: Period, expected: set[str]
) -> None:
    report(
        database,
        outcome("t-1"),
        outcome("t-2", accepted=False, symbol="ETHUSDT"),
        outcome("t-3", pnl_percent=5000.0),
    )

    with store.read() as reading:
        found = reading.outcomes("ada", period, None, 10).items

    assert {one.outcome.trade_id for one in found} == expected


def test_what_was_found_out_later_is_written_beside_what_was_reported(database: Database, store: SqlStore) -> None:
    report(database, outcome("held", pnl_percent=5000.0), outcome("lost", decision_id="d-1"))
    write(database, taken("d-1"))

    with store.begin() as tx:
        held, lost = tx.outcome_to_change("ada", "held"), tx.outcome_to_change("ada", "lost")
        assert held is not None
        assert lost is not None
        found = tx.decision_for(lost.outcome)
        assert found is not None
        tx.save_release(held, NOW_MS + 1)
        tx.save_match(replace(lost, match=found[0], matched_decision_id=found[1].decision_id))

    with store.read() as reading:
        held, lost = reading.outcome("ada", "held"), reading.outcome("ada", "lost")
        nobody = reading.outcome("bob", "held")
    assert held is not None
    assert lost is not None
    assert (held.released_at_ms, held.is_quarantined) == (NOW_MS + 1, False)
    assert (lost.match, lost.matched_decision_id) == ("decision_id", "d-1")
    assert nobody is None


def test_unmatched_outcomes_come_in_the_order_of_their_arrival(database: Database, store: SqlStore) -> None:
    report(database, outcome("second", decision_id="x"), outcome("silent"), at_ms=NOW_MS)
    report(database, outcome("third", user_id="bob", opened_at_ms=NOW_MS), at_ms=NOW_MS + 1)
    report(database, outcome("first", signal_id="x"), outcome("older", signal_id="x"), at_ms=NOW_MS - 1)
    report(database, outcome("too old", signal_id="x"), at_ms=NOW_MS - 2)

    with store.read() as reading:
        found = pages(lambda cursor: reading.unmatched_outcomes(NOW_MS - 1, cursor, 2))

    names = [one.outcome.trade_id for page in found for one in page]
    assert names == ["first", "older", "second", "third"]
