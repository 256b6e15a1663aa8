"""Corrections and imagined results in the database: one outcome counts, in whatever order they come."""

import itertools
import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.adapters.store.supersession import find_outcome
from ml_service.domain.outcomes import DAY_MS, Outcome, Receipt, StoredOutcome
from ml_service.ports import Period
from tests.builders import NOW_MS, decision, outcome, taken


@pytest.fixture
def recorder(database: Database) -> DirectRecorder:
    return DirectRecorder(database)


def keep(recorder: DirectRecorder, *outcomes: Outcome) -> list[Receipt]:
    return recorder.keep(outcomes, NOW_MS)


def correction(trade_id: str, corrects: str, **fields: Any) -> Outcome:
    return outcome(trade_id, corrects=corrects, **fields)


def found(database: Database, trade_id: str, user_id: str = "ada") -> StoredOutcome:
    with database.read() as connection:
        stored = find_outcome(connection, user_id, trade_id)
    assert stored is not None
    return stored


def links(database: Database, user_id: str = "ada") -> dict[str, str | None]:
    o = t.outcomes.c
    query = select(o.trade_id, o.superseded_by).where(o.user_id == user_id)
    with database.read() as connection:
        return {row.trade_id: row.superseded_by for row in connection.execute(query)}


def stamps(database: Database) -> dict[int, int]:
    c = t.outcome_days.c
    with database.read() as connection:
        return {row.day: row.stamp for row in connection.execute(select(c.day, c.stamp).where(c.user_id == "ada"))}


# Corrections


def test_a_correction_takes_the_place_of_its_original(database: Database, recorder: DirectRecorder) -> None:
    keep(recorder, outcome("o", pnl=1.0))

    (told,) = keep(recorder, correction("c", "o", pnl=2.0))

    assert (told.status, told.stored.superseded_by, told.stored.waiting_for) == ("created", None, None)
    assert links(database) == {"o": "c", "c": None}


def test_a_correction_that_comes_first_waits_for_its_original(database: Database, recorder: DirectRecorder) -> None:
    (first,) = keep(recorder, correction("c", "o"))

    (original,) = keep(recorder, outcome("o"))

    assert (first.stored.waiting_for, original.stored.superseded_by) == ("o", "c")
    assert links(database) == {"o": "c", "c": None}
    (again,) = keep(recorder, correction("c", "o"))
    assert (again.status, again.stored.waiting_for) == ("duplicate", None)


def test_a_chain_ends_with_one_that_counts_in_whatever_order_it_comes(
    database: Database, recorder: DirectRecorder
) -> None:
    for number, (order, together) in enumerate(itertools.product(itertools.permutations(range(3)), (False, True))):
        user = f"user-{number}"
        whole = [
            outcome("o", user),
            outcome("c1", user, corrects="o"),
            outcome("c2", user, corrects="c1"),
        ]
        given = [whole[position] for position in order]

        told = keep(recorder, *given) if together else [keep(recorder, one)[0] for one in given]

        assert {one.status for one in told} == {"created"}
        assert links(database, user) == {"o": "c1", "c1": "c2", "c2": None}
        if together:
            assert {one.stored.outcome.trade_id: one.stored.superseded_by for one in told} == links(database, user)
            assert {one.stored.waiting_for for one in told} == {None}


def test_a_second_correction_of_one_original_is_a_conflict_and_leaves_nothing(
    database: Database, recorder: DirectRecorder
) -> None:
    keep(recorder, outcome("o"), correction("c1", "o", pnl=2.0))

    (second,) = keep(recorder, correction("c2", "o", pnl=3.0))
    (repeat,) = keep(recorder, correction("c1", "o", pnl=2.0))

    assert (second.status, repeat.status) == ("conflict", "duplicate")
    assert "was corrected by 'c1' already" in str(second.refused)
    assert links(database) == {"o": "c1", "c1": None}
    # Its id is still free.
    (free,) = keep(recorder, correction("c2", "c1", pnl=3.0))
    assert free.status == "created"


def test_of_two_corrections_in_one_list_the_first_is_taken(database: Database, recorder: DirectRecorder) -> None:
    told = keep(recorder, correction("c1", "o"), correction("c2", "o"), correction("c2", "o"), outcome("o"))

    assert [one.status for one in told] == ["created", "conflict", "conflict", "created"]
    assert links(database) == {"o": "c1", "c1": None}


def test_the_outcome_of_another_user_is_unknown_and_stays_as_it_is(
    database: Database, recorder: DirectRecorder
) -> None:
    keep(recorder, outcome("o", user_id="bob"))

    (told,) = keep(recorder, correction("c", "o"))

    assert (told.status, told.stored.waiting_for) == ("created", "o")
    assert found(database, "o", "bob").superseded_by is None


def test_a_correction_for_another_symbol_is_refused(database: Database, recorder: DirectRecorder) -> None:
    keep(recorder, outcome("o"))

    (told,) = keep(recorder, correction("c", "o", symbol="ETHUSDT"))

    assert (told.status, "expected the symbol" in str(told.refused)) == ("conflict", True)
    assert links(database) == {"o": None}


def test_a_waiting_correction_whose_original_has_another_symbol_is_kept_in_sight(
    database: Database, recorder: DirectRecorder
) -> None:
    keep(recorder, correction("c", "o", symbol="ETHUSDT"))

    keep(recorder, outcome("o"))

    assert links(database) == {"o": None, "c": None}
    with database.read() as connection:
        conflicts = connection.execute(select(t.journal_conflicts.c.kind, t.journal_conflicts.c.record_id)).all()
    assert [tuple(row) for row in conflicts] == [("correction", "c")]


def test_a_circle_is_refused(database: Database, recorder: DirectRecorder) -> None:
    keep(recorder, correction("a", "b"), correction("b", "c"))

    (told,) = keep(recorder, correction("c", "a"))

    assert told.status == "conflict"
    assert links(database) == {"a": None, "b": "a"}


def test_a_correction_in_quarantine_takes_no_place(database: Database, recorder: DirectRecorder) -> None:
    keep(recorder, outcome("o"))

    (held,) = keep(recorder, correction("c", "o", pnl_percent=5000.0))

    assert (held.status, held.stored.superseded_by) == ("quarantined", "o")
    assert links(database) == {"o": None, "c": "o"}


def test_a_correction_heals_an_original_in_quarantine(database: Database, recorder: DirectRecorder) -> None:
    keep(recorder, outcome("o", pnl_percent=5000.0))

    keep(recorder, correction("c", "o", pnl_percent=5.0))

    assert links(database) == {"o": "c", "c": None}


def test_a_correction_without_ids_teaches_what_its_original_did(database: Database, recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1")], 0)
    keep(recorder, correction("c", "o"))
    before = found(database, "c").lesson

    keep(recorder, outcome("o", decision_id="d-1"))

    after = found(database, "c")
    assert before is None
    assert (after.match, after.matched_decision_id) == ("decision_id", "d-1")
    assert after.lesson == found(database, "o").lesson is not None


def test_whoever_keeps_sums_hears_of_the_changed_day(database: Database, recorder: DirectRecorder) -> None:
    keep(recorder, outcome("o", closed_at_ms=NOW_MS - 3 * DAY_MS))
    before = stamps(database)

    keep(recorder, correction("c", "o"))

    day = NOW_MS // DAY_MS - 3
    assert stamps(database)[day] != before[day]


# Imagined results


def test_a_real_result_takes_the_place_of_an_imagined_one(database: Database, recorder: DirectRecorder) -> None:
    for number, (real_first, together) in enumerate(itertools.product((False, True), repeat=2)):
        user = f"user-{number}"
        recorder.record([decision("d-1", user)], 0)
        both = [outcome("real", user, decision_id="d-1"), outcome("imagined", user, decision_id="d-1", accepted=False)]
        if not real_first:
            both.reverse()

        told = keep(recorder, *both) if together else [keep(recorder, one)[0] for one in both]

        assert links(database, user) == {"real": None, "imagined": "real"}
        if together:
            assert {one.stored.outcome.trade_id: one.stored.superseded_by for one in told} == links(database, user)


def test_results_of_other_decisions_and_of_none_stay(database: Database, recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1"), taken("d-2")], 0)

    keep(
        recorder,
        outcome("imagined", decision_id="d-1", accepted=False),
        outcome("real", decision_id="d-2"),
        outcome("lost", decision_id="nobody"),
        outcome("lost too", decision_id="nobody", accepted=False),
    )

    assert set(links(database).values()) == {None}


def test_several_real_results_of_one_decision_all_count(database: Database, recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1")], 0)

    keep(recorder, *(outcome(f"part-{number}", decision_id="d-1") for number in range(3)))

    assert set(links(database).values()) == {None}


def test_a_doubtful_real_result_takes_no_place(database: Database, recorder: DirectRecorder) -> None:
    recorder.record([taken("d-1")], 0)

    keep(recorder, outcome("imagined", decision_id="d-1", accepted=False))
    keep(recorder, outcome("real", decision_id="d-1", pnl_percent=5000.0))

    assert links(database) == {"real": None, "imagined": None}


def test_a_corrected_real_result_still_stands_before_the_imagined_one(
    database: Database, recorder: DirectRecorder
) -> None:
    recorder.record([taken("d-1")], 0)
    keep(recorder, outcome("real", decision_id="d-1"), correction("better", "real"))

    keep(recorder, outcome("imagined", decision_id="d-1", accepted=False))

    assert links(database) == {"real": "better", "better": None, "imagined": "better"}


# At one moment


@pytest.mark.parametrize("kind", ["correction", "imagined", "two corrections"])
def test_writers_at_one_moment_leave_one_that_counts(database: Database, kind: str) -> None:
    DirectRecorder(database).record([taken(f"d-{number}") for number in range(10)], 0)
    for number in range(10):
        pair = {
            "correction": [outcome(f"o-{number}"), correction(f"c-{number}", f"o-{number}")],
            "imagined": [
                outcome(f"o-{number}", decision_id=f"d-{number}"),
                outcome(f"c-{number}", decision_id=f"d-{number}", accepted=False),
            ],
            "two corrections": [correction(f"c-{number}", f"o-{number}"), correction(f"b-{number}", f"o-{number}")],
        }[kind]
        start = threading.Barrier(2)

        def write(one: Outcome, start: threading.Barrier = start) -> None:
            start.wait()
            keep(DirectRecorder(database), one)

        threads = [threading.Thread(target=write, args=(one,)) for one in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sum(link is None for link in links(database).values()) == 10
    with database.read() as connection:
        rows = connection.execute(select(func.count()).select_from(t.outcomes)).scalar_one()
        keys = connection.execute(select(func.count()).select_from(t.outcome_keys)).scalar_one()
    assert rows == keys == (10 if kind == "two corrections" else 20)


# Lists


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("superseded", {"o"}),
        ("unmatched", {"o", "c", "waiting"}),
        ("counterfactual", {"x"}),
        ("rejected", {"x"}),
    ],
)
def test_outcomes_are_narrowed_by_what_became_of_them(
    database: Database, store: SqlStore, recorder: DirectRecorder, kind: str, expected: set[str]
) -> None:
    recorder.record([taken("d-1")], 0)
    keep(recorder, outcome("o"), correction("c", "o"), outcome("x", decision_id="d-1", accepted=False))
    keep(recorder, correction("waiting", "nobody"))

    with store.read() as reading:
        items = reading.outcomes("ada", Period(kind=kind), None, 10).items

    assert {one.outcome.trade_id for one in items} == expected
    assert {one.outcome.trade_id for one in items if one.waiting_for is not None} == expected & {"waiting"}
