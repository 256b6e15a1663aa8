"""Writing decisions and outcomes: each counts once, and an outcome finds its decision."""

import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.outbox import SqlOutbox
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.retention import SqlRetention
from ml_service.domain.ids import decision_id
from ml_service.domain.outcomes import DAY_MS, MATCH_WINDOW_MS, Receipt
from tests.builders import NOW_MS, decision, outcome, rejected, signal, taken


@pytest.fixture
def recorder(database: Database) -> DirectRecorder:
    return DirectRecorder(database)


def rows(database: Database, table: Any) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def keep(recorder: DirectRecorder, *outcomes: Any) -> list[Receipt]:
    return recorder.keep(outcomes, NOW_MS)


# Decisions


def test_a_repeated_id_of_the_caller_brings_the_first_decision_back(
    database: Database, recorder: DirectRecorder
) -> None:
    (first,) = recorder.record([taken("own")], 0)

    (second,) = recorder.record([rejected("own", at_ms=NOW_MS + 5)], 0)

    assert first.earlier is None
    assert second.earlier is not None
    assert (second.earlier.verdict.decision, second.earlier.evaluated_at_ms) == ("take", NOW_MS)
    assert rows(database, t.decisions) == 1


def test_the_same_id_of_two_users_is_two_decisions(database: Database, recorder: DirectRecorder) -> None:
    told = recorder.record([decision("own", user_id="ada"), decision("own", user_id="bob")], 0)

    assert [one.earlier for one in told] == [None, None]
    assert rows(database, t.decisions) == 2


def test_a_repeat_within_one_batch_gets_the_first_of_the_batch(database: Database, recorder: DirectRecorder) -> None:
    first, second = taken("own"), rejected("own")

    told = recorder.record([first, second], 0)

    assert [one.earlier for one in told] == [None, first]
    assert rows(database, t.decisions) == 1


def test_an_id_of_ours_that_comes_back_as_the_callers_own_is_known(
    database: Database, recorder: DirectRecorder
) -> None:
    ours = decision_id(NOW_MS, bytes(10))
    recorder.record([decision(ours, named_by_caller=False)], 0)

    (told,) = recorder.record([decision(ours, at_ms=NOW_MS + 9)], 0)

    assert told.earlier is not None
    assert rows(database, t.decisions) == 1


def test_of_many_simultaneous_repeats_one_writes_and_all_agree(database: Database) -> None:
    answers: list[Any] = []
    start = threading.Barrier(8)

    def ask(number: int) -> None:
        mine = decision("own", at_ms=NOW_MS + number, judged=signal(confidence=0.7 + number / 100))
        start.wait()
        (told,) = DirectRecorder(database).record([mine], 0)
        answers.append((told.earlier or mine).evaluated_at_ms)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert rows(database, t.decisions) == 1


# Outcomes count once


def test_a_repeat_is_a_duplicate_and_another_content_a_conflict(database: Database, recorder: DirectRecorder) -> None:
    statuses = [
        keep(recorder, one)[0].status for one in (outcome(pnl=1.0), outcome(pnl=1.0), outcome(pnl=2.0), outcome("t-2"))
    ]

    assert statuses == ["created", "duplicate", "conflict", "created"]
    assert rows(database, t.outcomes) == 2


def test_the_first_outcome_is_kept_and_told_again(recorder: DirectRecorder) -> None:
    keep(recorder, outcome(pnl=1.0))

    (conflict,) = keep(recorder, outcome(pnl=2.0))

    assert conflict.stored.outcome.pnl == 1.0


def test_repeats_within_one_list_count_once(database: Database, recorder: DirectRecorder) -> None:
    told = keep(recorder, outcome(pnl=1.0), outcome(pnl=1.0), outcome(pnl=2.0), outcome("t-2"))

    assert [one.status for one in told] == ["created", "duplicate", "conflict", "created"]
    assert rows(database, t.outcomes) == 2


def test_the_trade_id_of_another_user_is_another_trade(recorder: DirectRecorder) -> None:
    told = keep(recorder, outcome(user_id="ada"), outcome(user_id="bob", pnl=-1.0))

    assert [one.status for one in told] == ["created", "created"]


def test_unknown_fields_do_not_make_a_repeat_a_conflict(recorder: DirectRecorder) -> None:
    told = keep(recorder, outcome(), outcome(ignored={"attempt": 2}))

    assert [one.status for one in told] == ["created", "duplicate"]


def test_a_storm_of_one_trade_id_counts_once(database: Database) -> None:
    told: list[str] = []
    start = threading.Barrier(8)

    def storm() -> None:
        start.wait()
        for _ in range(5):
            told.append(keep(DirectRecorder(database), outcome())[0].status)

    threads = [threading.Thread(target=storm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told) == ["created"] + ["duplicate"] * 39
    assert rows(database, t.outcomes) == rows(database, t.events) == 1


@pytest.mark.parametrize(("pnl", "status"), [(12.5, "duplicate"), (99.0, "conflict")])
def test_a_trade_key_outlives_its_pruned_outcome(
    database: Database, recorder: DirectRecorder, pnl: float, status: str
) -> None:
    keep(recorder, outcome())
    SqlRetention(database).drop_outcomes(NOW_MS + DAY_MS, 10)

    (told,) = keep(recorder, outcome(pnl=pnl))

    assert told.status == status
    assert rows(database, t.outcomes) == 0


def test_an_implausible_outcome_is_stored_and_set_apart(database: Database, recorder: DirectRecorder) -> None:
    (told,) = keep(recorder, outcome(pnl_percent=-1e6))

    assert (told.status, told.stored.quarantined) == ("quarantined", "pnl_percent_implausible")
    assert told.stored.outcome.pnl_percent == -1e6
    assert rows(database, t.outcomes) == 1


def test_each_new_outcome_leaves_one_event_of_what_it_said(database: Database, recorder: DirectRecorder) -> None:
    keep(recorder, outcome("t-1"), outcome("t-2", pnl_percent=5000.0), outcome("t-1"))

    found = SqlOutbox(database).waiting(NOW_MS, 10)

    assert [event.kind for event in found] == ["outcome.reported"] * 2
    assert sorted((event.payload["trade_id"], event.payload["quarantined"]) for event in found) == [
        ("t-1", None),
        ("t-2", "pnl_percent_implausible"),
    ]
    assert {event.payload["user_id"] for event in found} == {"ada"}


# Matching


def match(recorder: DirectRecorder, **fields: Any) -> tuple[str, str | None]:
    (told,) = keep(recorder, outcome(**fields))
    return told.stored.match, told.stored.matched_decision_id


def test_an_outcome_belongs_to_the_decision_it_names(recorder: DirectRecorder) -> None:
    recorder.record([rejected("d-1"), taken("d-2")], 0)

    assert match(recorder, decision_id="d-1", opened_at_ms=NOW_MS) == ("decision_id", "d-1")


def test_an_outcome_that_names_an_unknown_decision_is_given_to_no_other(recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1")], 0)

    assert match(recorder, decision_id="nobody", opened_at_ms=NOW_MS) == ("none", None)


def test_the_decision_of_another_user_is_unknown(recorder: DirectRecorder) -> None:
    recorder.record([decision("d-1", user_id="bob")], 0)

    assert match(recorder, decision_id="d-1") == ("none", None)


def test_an_outcome_belongs_to_the_first_decision_of_its_signal(recorder: DirectRecorder) -> None:
    first = decision("d-1", at_ms=NOW_MS, judged=with_signal_id("s-1"))
    second = decision("d-2", at_ms=NOW_MS + 1, judged=with_signal_id("s-1"))
    recorder.record([second, first], 0)

    assert match(recorder, signal_id="s-1") == ("signal_id", "d-1")


def test_a_signal_id_may_be_the_id_of_the_decision_itself(recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1")], 0)

    assert match(recorder, signal_id="d-1") == ("signal_id", "d-1")


def with_signal_id(name: str) -> Any:
    given = signal(confidence=0.9)
    return type(given)(given.symbol, given.action, given.values, details={"signal_id": name})


def test_without_ids_it_belongs_to_the_nearest_take_before_it_was_opened(recorder: DirectRecorder) -> None:
    recorder.record(
        [
            taken("too-early", NOW_MS - MATCH_WINDOW_MS - 1),
            taken("early", NOW_MS - 60_000),
            taken("nearest", NOW_MS - 1_000),
            rejected("rejected", NOW_MS - 500),
            taken("other-symbol", NOW_MS - 400, "ETHUSDT"),
            taken("other-side", NOW_MS - 300, action="SELL"),
            taken("afterwards", NOW_MS + 1),
        ],
        0,
    )

    assert match(recorder, side="BUY", opened_at_ms=NOW_MS) == ("nearest", "nearest")


@pytest.mark.parametrize(("before_ms", "found"), [(0, True), (MATCH_WINDOW_MS, True), (MATCH_WINDOW_MS + 1, False)])
def test_nearest_reaches_back_two_minutes(recorder: DirectRecorder, before_ms: int, found: bool) -> None:
    recorder.record([taken("d-1", NOW_MS - before_ms)], 0)

    assert match(recorder, side="BUY", opened_at_ms=NOW_MS) == (("nearest", "d-1") if found else ("none", None))


def test_an_outcome_without_a_side_may_belong_to_either(recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1", NOW_MS - 10, action="SELL")], 0)

    assert match(recorder, opened_at_ms=NOW_MS) == ("nearest", "d-1")


def test_an_outcome_that_says_not_when_it_was_opened_stays_unmatched(recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1")], 0)

    assert match(recorder, side="BUY", closed_at_ms=NOW_MS) == ("none", None)


def test_a_decision_of_the_same_transaction_is_found(database: Database) -> None:
    from ml_service.adapters.store.recorder import write_group
    from ml_service.adapters.store.writer import Reported

    with database.write() as connection:
        (receipts, recorded) = write_group(connection, [[Reported(outcome(decision_id="d-1"), NOW_MS)], [taken("d-1")]])

    assert receipts[0].stored.matched_decision_id == "d-1"
    assert recorded[0].kept == "database"
