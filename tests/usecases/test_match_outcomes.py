"""Outcomes that came before their decision find it later, and none is looked at by everybody for ever."""

from dataclasses import replace

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.doubts import doubt
from ml_service.domain.lessons import lesson_of
from ml_service.domain.outcomes import DAY_MS, Outcome, StoredOutcome
from ml_service.usecases import match_outcomes as module
from ml_service.usecases.match_outcomes import Matched, match_outcomes
from tests.builders import NOW_MS, outcome, taken


def report(embedded: Database, *outcomes: Outcome, at_ms: int = NOW_MS) -> None:
    DirectRecorder(embedded).keep(outcomes, at_ms)


def decide(embedded: Database, *names: str, at_ms: int = NOW_MS) -> None:
    DirectRecorder(embedded).record([taken(name, at_ms) for name in names], 0)


def stored(store: SqlStore, trade_id: str) -> StoredOutcome:
    with store.read() as reading:
        found = reading.outcome("ada", trade_id)
    assert found is not None
    return found


def test_an_outcome_finds_its_decision_later_and_can_teach(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome(decision_id="d-1"))
    before = match_outcomes(store=store, now_ms=NOW_MS)
    decide(embedded, "d-1")

    after = match_outcomes(store=store, now_ms=NOW_MS)

    assert (before, after) == (Matched(1, 0), Matched(1, 1))
    found = stored(store, "t-1")
    assert (found.match, found.matched_decision_id) == ("decision_id", "d-1")
    assert found.lesson == lesson_of(taken("d-1"))
    assert match_outcomes(store=store, now_ms=NOW_MS) == Matched()


def test_what_is_implausible_by_the_risk_of_its_signal_is_set_apart_once_that_is_known(
    embedded: Database, store: SqlStore
) -> None:
    risky = taken("d-1")
    risky = risky._replace(signal=replace(risky.signal, details={"risk": 10.0}))
    report(embedded, outcome(decision_id="d-1", pnl=-1e6, pnl_percent=None, risk=None))
    DirectRecorder(embedded).record([risky], 0)

    match_outcomes(store=store, now_ms=NOW_MS)
    report(embedded, outcome("t-2", decision_id="d-1", pnl=-1e6, pnl_percent=None, risk=None))

    assert [stored(store, name).quarantined for name in ("t-1", "t-2")] == ["risk_multiple_implausible"] * 2
    doubted = doubt(stored(store, "t-1"))
    assert doubted is not None
    assert doubted.found == -100_000.0


def test_an_outcome_of_another_symbol_does_not_belong_to_a_decision(embedded: Database, store: SqlStore) -> None:
    decide(embedded, "d-1")

    report(embedded, outcome(symbol="DOGEUSDT", decision_id="d-1"))

    assert (stored(store, "t-1").match, stored(store, "t-1").lesson) == ("none", None)


def test_the_nearest_take_is_found_later_as_well(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome(side="BUY", opened_at_ms=NOW_MS))
    decide(embedded, "d-1", at_ms=NOW_MS - 1000)

    match_outcomes(store=store, now_ms=NOW_MS)

    assert stored(store, "t-1").match == "nearest"


def test_a_real_result_that_is_matched_late_takes_the_place_of_the_imagined_one(
    embedded: Database, store: SqlStore
) -> None:
    report(embedded, outcome("real", decision_id="d-1"), outcome("imagined", decision_id="d-1", accepted=False))
    decide(embedded, "d-1")

    match_outcomes(store=store, now_ms=NOW_MS)

    assert stored(store, "imagined").superseded_by == "real"
    assert stored(store, "real").superseded_by is None


def test_what_says_nothing_to_find_a_decision_by_is_not_looked_at(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome())

    assert match_outcomes(store=store, now_ms=NOW_MS) == Matched()


def test_it_is_looked_for_seven_days_long(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome(decision_id="d-1"))

    assert match_outcomes(store=store, now_ms=NOW_MS + 7 * DAY_MS) == Matched(1, 0)
    assert match_outcomes(store=store, now_ms=NOW_MS + 7 * DAY_MS + 1) == Matched()


def test_many_are_looked_at_in_turns_and_each_has_its_turn(
    embedded: Database, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(module, "BATCHES_MAX", 2)
    report(embedded, *(outcome(f"t-{number}", decision_id=f"d-{number}") for number in range(10)))
    decide(embedded, "d-9")

    rounds = [match_outcomes(store=store, now_ms=NOW_MS) for _ in range(4)]

    # Six, then the other four; then from the beginning.
    assert rounds == [Matched(6, 0), Matched(4, 1), Matched(6, 0), Matched(3, 0)]
    assert stored(store, "t-9").matched_decision_id == "d-9"


def test_it_stops_when_the_worker_does(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome(decision_id="d-1"))

    assert match_outcomes(store=store, now_ms=NOW_MS, may_go_on=lambda: False) == Matched()
