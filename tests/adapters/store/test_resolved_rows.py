"""Resolved predictions, on both databases: what counts is read, newest first, and nothing else."""

from typing import Any

import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.ids import decision_id
from ml_service.domain.models.report.resolved import Resolved
from ml_service.domain.models.slots import Place
from ml_service.domain.types import Decision, Forecast, MemberFigure
from tests.adapters.store.rows import report, write
from tests.builders import NOW_MS, outcome, rejected, signal, taken

MEMBERS = (MemberFigure("xgboost", 3, 0.61, 0.7), MemberFigure("lstm", 1, None, 0.0))


def spoken(decision: Decision, set_id: str = "s-1", **fields: Any) -> Decision:
    forecast = Forecast(0.62, set_id, "4", "volatile", MEMBERS, 0.01, 2.5)
    return decision._replace(forecast=forecast, model_status="ok", **fields)


def read(
    store: SqlStore, *set_ids: str, since_ms: int = 0, until_ms: int = 2 * NOW_MS, limit: int = 10
) -> list[Resolved]:
    with store.read() as reading:
        return reading.resolved(set_ids or ("s-1",), since_ms, until_ms, limit)


EVERYWHERE = Place()


def statuses(store: SqlStore, place: Place = EVERYWHERE, since_ms: int = 0, limit: int = 100) -> dict[str, int]:
    with store.read() as reading:
        return dict(reading.model_statuses("s-1", place, since_ms, 2 * NOW_MS, limit))


def test_a_resolved_prediction_has_all_that_a_report_needs(database: Database, store: SqlStore) -> None:
    write(database, spoken(taken("d-1", action="SELL")))
    report(database, outcome(pnl=-3.0, pnl_percent=-0.5, decision_id="d-1", closed_at_ms=NOW_MS + 9), at_ms=NOW_MS + 20)

    assert read(store) == [
        Resolved("ada", "BTCUSDT", "SELL", NOW_MS, NOW_MS + 9, "s-1", "volatile", 0.62, MEMBERS, False, -0.5, True)
    ]


def test_a_decision_is_found_whoever_made_its_id(database: Database, store: SqlStore) -> None:
    ours = [decision_id(at_ms, bytes(range(10))) for at_ms in (NOW_MS, NOW_MS + 0x0FED_CBA9)]
    # A caller may make such ids as well, at a time of his own.
    his = decision_id(NOW_MS - 5_000, bytes(10))
    write(
        database,
        *(spoken(taken(ours[at], NOW_MS + 0x0FED_CBA9 * at), named_by_caller=False) for at in (0, 1)),
        spoken(taken(his), named_by_caller=True),
    )
    for number, id_ in enumerate((*ours, his)):
        report(database, outcome(f"t-{number}", decision_id=id_, pnl_percent=float(number)))

    assert sorted(one.percent or 0.0 for one in read(store)) == [0.0, 1.0, 2.0]


def test_only_results_that_count_of_those_sets_are_read(database: Database, store: SqlStore) -> None:
    write(
        database,
        *(spoken(taken(f"d-{number}")) for number in range(1, 6)),
        spoken(taken("other"), "s-2"),
        taken("no-model"),
        spoken(rejected("imagined")),
        spoken(taken("bobs"))._replace(user_id="bob"),
    )
    report(
        database,
        outcome("good", pnl_percent=1.0, decision_id="d-1"),
        outcome("wrong", pnl_percent=2.0, decision_id="d-2"),
        outcome("right", pnl_percent=3.0, corrects="wrong"),
        outcome("odd", pnl_percent=5000.0, decision_id="d-3"),
        outcome("released", pnl_percent=4000.0, decision_id="d-4"),
        outcome("untold", pnl=None, pnl_percent=None, decision_id="d-5"),
        outcome("other", pnl_percent=6.0, decision_id="other"),
        outcome("no-model", pnl_percent=7.0, decision_id="no-model"),
        outcome("imagined", pnl_percent=8.0, decision_id="imagined", accepted=False),
        outcome("bobs", "bob", pnl_percent=9.0, decision_id="bobs"),
    )
    with store.begin() as tx:
        held = tx.outcome_to_change("ada", "released")
        assert held is not None
        tx.save_release(held, NOW_MS)

    found = {one.percent: one.taken for one in read(store)}

    assert found == {1.0: True, 3.0: True, 4000.0: True, 8.0: False, 9.0: True}
    assert sorted(one.percent or 0.0 for one in read(store, "s-2")) == [6.0]
    assert len(read(store, "s-1", "s-2")) == 6
    assert read(store, "nobody") == []


def test_the_newest_results_of_all_users_within_the_time_are_read(database: Database, store: SqlStore) -> None:
    for number in range(6):
        user = ("ada", "bob")[number % 2]
        write(database, spoken(taken(f"d-{number}"))._replace(user_id=user))
        closed = NOW_MS + number
        report(database, outcome(f"t-{number}", user, decision_id=f"d-{number}", closed_at_ms=closed), at_ms=NOW_MS + 9)

    assert [one.known_at_ms - NOW_MS for one in read(store, limit=3)] == [5, 4, 3]
    found = read(store, since_ms=NOW_MS + 1, until_ms=NOW_MS + 4)
    assert [one.known_at_ms - NOW_MS for one in found] == [3, 2, 1]


def test_of_several_results_of_one_decision_the_newest_is_read(database: Database, store: SqlStore) -> None:
    write(database, spoken(taken("d-1")))
    for number, percent in enumerate((1.0, -2.0)):
        report(
            database,
            outcome(f"t-{number}", pnl=None, pnl_percent=percent, decision_id="d-1", closed_at_ms=NOW_MS + number),
            at_ms=NOW_MS + 9,
        )

    assert [(one.percent, one.paid) for one in read(store)] == [(-2.0, False)]


@pytest.mark.parametrize("damage", ["no json", "[]", '{"model": 5}', '{"model": {"members": [[1]]}}'])
def test_a_row_that_was_damaged_by_hand_is_left_out(database: Database, store: SqlStore, damage: str) -> None:
    write(database, spoken(taken("d-1")))
    report(database, outcome(decision_id="d-1"))
    with database.write() as connection:
        connection.execute(update(t.decisions).values(result=damage))

    assert read(store) == []


def test_silence_is_counted_by_its_reason_but_not_where_another_set_spoke(database: Database, store: SqlStore) -> None:
    write(
        database,
        spoken(taken("ok")),
        spoken(taken("other"), "s-2"),
        taken("stale", NOW_MS + 1)._replace(model_status="stale_features"),
        taken("eth", symbol="ETHUSDT")._replace(model_status="stale_features"),
        rejected("gate")._replace(model_status="not_asked"),
        taken("nobody"),
        taken("hold")._replace(signal=signal("HOLD", confidence=0.9)),
    )

    assert statuses(store) == {"ok": 1, "stale_features": 2, "not_asked": 1, "none": 1}
    assert statuses(store, Place("ETHUSDT")) == {"stale_features": 1}
    assert statuses(store, Place(regime="volatile")) == {"ok": 1}
    assert statuses(store, limit=1) == statuses(store, since_ms=NOW_MS + 1) == {"stale_features": 1}
