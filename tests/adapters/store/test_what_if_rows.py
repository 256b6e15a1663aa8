"""What a question about other thresholds is told of: results that count, and signals that have none."""

import dataclasses

import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.lessons import lesson_of
from ml_service.domain.types import Forecast
from ml_service.domain.what_if import OpenSignal
from ml_service.ports import Period
from tests.adapters.store.rows import ALL, report, write
from tests.builders import NOW_MS, decision, outcome, rejected, signal, taken


def names(store: SqlStore, period: Period = ALL, limit: int = 10) -> list[float | None]:
    """Results by their profit, which stands for their name here."""
    with store.read() as reading:
        return [one.stored.outcome.pnl for one in reading.known_results("ada", period, limit)]


def symbols(store: SqlStore, period: Period = ALL, limit: int = 10) -> list[str]:
    with store.read() as reading:
        return [one.symbol for one in reading.open_signals("ada", period, limit)]


def test_a_known_result_has_all_that_its_figures_need(database: Database, store: SqlStore) -> None:
    decided = taken("d-1")
    write(database, decided)
    report(
        database,
        outcome(accepted=False, pnl=3.0, pnl_percent=0.5, risk=2.0, decision_id="d-1", closed_at_ms=NOW_MS - 9),
    )
    with database.write() as connection:
        connection.execute(update(t.outcomes).values(percent_per_r=0.8))

    with store.read() as reading:
        (found,) = reading.known_results("ada", ALL, 10)

    told = found.stored.outcome
    assert (found.at_ms, found.percent_per_r) == (NOW_MS - 9, 0.8)
    assert (told.symbol, told.accepted, told.pnl, told.pnl_percent, told.risk) == ("BTCUSDT", False, 3.0, 0.5, 2.0)
    assert found.stored.lesson == lesson_of(decided)


def test_only_results_that_count_and_are_not_in_doubt_are_known(database: Database, store: SqlStore) -> None:
    write(database, *(taken(f"d-{number}") for number in range(1, 6)), decision("d-1", "bob"))
    report(
        database,
        outcome("good", pnl=1.0, decision_id="d-1"),
        outcome("wrong", pnl=2.0, decision_id="d-2"),
        outcome("right", pnl=3.0, corrects="wrong"),
        outcome("lost", pnl=4.0),
        outcome("odd", pnl=5.0, pnl_percent=5000.0, decision_id="d-3"),
        outcome("released", pnl=6.0, pnl_percent=5000.0, decision_id="d-4"),
        outcome("real", pnl=7.0, decision_id="d-5"),
        outcome("imagined", pnl=8.0, decision_id="d-5", accepted=False),
        outcome("bobs", "bob", pnl=9.0, decision_id="d-1"),
    )
    with store.begin() as tx:
        held = tx.outcome_to_change("ada", "released")
        assert held is not None
        tx.save_release(held, NOW_MS)

    assert sorted(one for one in names(store) if one is not None) == [1.0, 3.0, 6.0, 7.0]


def test_known_results_come_newest_first_within_the_window(database: Database, store: SqlStore) -> None:
    write(database, *(taken(f"d-{number}") for number in range(4)), taken("eth", symbol="ETHUSDT"))
    report(
        database,
        *(
            outcome(f"t-{number}", pnl=float(number), decision_id=f"d-{number}", closed_at_ms=NOW_MS + number)
            for number in range(4)
        ),
        outcome("eth", pnl=9.0, symbol="ETHUSDT", decision_id="eth", closed_at_ms=NOW_MS),
    )

    assert names(store, Period("BTCUSDT", NOW_MS + 1, NOW_MS + 3)) == [2.0, 1.0]
    assert names(store, Period("ETHUSDT")) == [9.0]
    assert names(store, limit=2) == [3.0, 2.0]


def test_a_signal_is_open_while_nobody_has_told_its_result(database: Database, store: SqlStore) -> None:
    given = rejected("open", NOW_MS - 1, "OPEN")._replace(forecast=Forecast(0.9, "m", "1", "trending"))
    write(
        database,
        given,
        taken("told", NOW_MS, "TOLD"),
        decision("hold", judged=signal("HOLD", symbol="HOLD", confidence=0.9)),
        decision("bare", judged=signal("BUY", symbol="BARE")),
        decision("bobs", "bob"),
        rejected("killed", symbol="KILLED")._replace(
            verdict=dataclasses.replace(given.verdict, decision="reject", code="kill_switch"),
        ),
    )
    report(database, outcome(decision_id="told", symbol="TOLD"))

    with store.read() as reading:
        found = reading.open_signals("ada", ALL, 10)

    lesson = lesson_of(given)
    assert lesson is not None
    assert found == [OpenSignal("OPEN", lesson.values)]


def test_open_signals_come_newest_first_within_the_window(database: Database, store: SqlStore) -> None:
    write(database, *(taken(f"d-{number}", NOW_MS + number, f"S{number}") for number in range(4)))

    assert symbols(store, Period(since_ms=NOW_MS + 1, until_ms=NOW_MS + 3)) == ["S2", "S1"]
    assert symbols(store, Period("S0")) == ["S0"]
    assert symbols(store, limit=2) == ["S3", "S2"]


@pytest.mark.parametrize("damage", ["no json", "[]", '{"values": 5}', '{"values": {"confidence": null}}'])
def test_a_row_that_was_damaged_by_hand_is_left_out(database: Database, store: SqlStore, damage: str) -> None:
    write(database, taken("d-1"))
    with database.write() as connection:
        connection.execute(update(t.decisions).values(input=damage))

    assert symbols(store) == []
