"""Somebody says which decision an outcome belongs to: once, for what fits, and it is written down who said so."""

from typing import Any

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.lessons import lesson_of
from ml_service.domain.outcomes import StoredOutcome
from ml_service.errors import Conflict, NotFound
from ml_service.usecases.declare_match import declare_match
from tests.builders import NOW_MS, decision, outcome, taken


@pytest.fixture(autouse=True)
def known(embedded: Database) -> None:
    recorder = DirectRecorder(embedded)
    recorder.record([taken("d-1"), taken("d-2"), taken("eth", symbol="ETHUSDT"), decision("bobs", "bob")], 0)
    recorder.keep([outcome("t-1", side="BUY"), outcome("t-2", decision_id="d-2"), outcome("bobs", "bob")], NOW_MS)


def declare(store: SqlStore, trade_id: str = "t-1", decision_id: str = "d-1") -> StoredOutcome:
    return declare_match("ada", trade_id, decision_id, reason="by hand", actor="tester", now_ms=NOW_MS, store=store)


def audit(store: SqlStore) -> list[Any]:
    with store.read() as reading:
        return [(one.action, one.actor, one.subject, one.details) for one in reading.audit_entries(0, None)]


def test_it_belongs_there_from_now_on_and_can_teach(store: SqlStore) -> None:
    told = declare(store)

    assert (told.match, told.matched_decision_id) == ("declared", "d-1")
    assert told.lesson == lesson_of(taken("d-1"))
    details = {"decision_id": "d-1", "reason": "by hand"}
    assert audit(store) == [("outcome.matched", "tester", "ada/t-1", details)]


def test_saying_it_twice_does_no_harm(store: SqlStore) -> None:
    assert declare(store) == declare(store)
    assert len(audit(store)) == 1


@pytest.mark.parametrize(("trade_id", "decision_id"), [("nobody", "d-1"), ("t-1", "nobody"), ("bobs", "d-1")])
def test_what_is_not_this_users_is_unknown(store: SqlStore, trade_id: str, decision_id: str) -> None:
    with pytest.raises(NotFound):
        declare(store, trade_id, decision_id)


def test_the_decision_of_another_user_is_unknown(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        declare(store, "t-1", "bobs")


def test_what_belongs_to_another_decision_stays_there(store: SqlStore) -> None:
    with pytest.raises(Conflict, match="belongs to the decision 'd-2'"):
        declare(store, "t-2", "d-1")


def test_a_decision_about_another_symbol_does_not_fit(store: SqlStore) -> None:
    with pytest.raises(Conflict, match="expected a decision about BTCUSDT, found one about ETHUSDT"):
        declare(store, "t-1", "eth")


def test_a_decision_for_the_other_side_does_not_fit(embedded: Database, store: SqlStore) -> None:
    DirectRecorder(embedded).record([taken("sell", action="SELL")], 0)

    with pytest.raises(Conflict, match="expected a decision to BUY, found SELL"):
        declare(store, "t-1", "sell")
