"""The journal of this host: keyed like the database, one drainer at a time, a glance when it is empty."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_service.adapters.store.journal import Journal
from ml_service.adapters.store.writer import Reported
from ml_service.domain.types import Forecast
from tests.builders import NOW_MS, decision, drawn, outcome, rejected, signal, taken
from tests.fakes import Mark


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path, Mark())
    yield opened
    opened.close()


def reported(trade_id: str = "t-1", **fields: Any) -> Reported:
    return Reported(outcome(trade_id, **fields), NOW_MS)


def test_a_decision_comes_back_as_it_went_in(journal: Journal) -> None:
    made = decision(judged=signal("SELL", confidence=0.1 + 0.2, rsi=33.3), forecast=Forecast(0.7, "m", "1", "up"))

    ((told,),) = journal.write([[made]])

    (entry,) = journal.oldest("decision", 10)
    assert (told.kept, told.earlier) == ("journal", None)
    assert entry.decision is not None
    assert (entry.decision.signal, entry.decision.verdict) == (made.signal, made.verdict)
    assert entry.decision.forecast == made.forecast


def test_an_explored_decision_comes_back_with_its_chance(journal: Journal) -> None:
    made = drawn(1.0)

    journal.write([[made]])

    (entry,) = journal.oldest("decision", 10)
    assert entry.decision is not None
    assert entry.decision.verdict == made.verdict


def test_an_outcome_comes_back_as_it_went_in(journal: Journal) -> None:
    given = reported(fees=0.25, closed_at_ms=NOW_MS - 5, ignored={"venue": "x"})

    ((told,),) = journal.write([[given]])

    (entry,) = journal.oldest("outcome", 10)
    assert (told.status, told.kept) == ("created", "journal")
    assert entry.report == given


def test_an_absurd_outcome_is_quarantined_here_as_well(journal: Journal) -> None:
    ((told,),) = journal.write([[reported(pnl_percent=5000.0)]])

    assert (told.status, told.stored.quarantined) == ("quarantined", "pnl_percent_implausible")


def test_a_repeat_is_known_and_a_contradiction_is_a_conflict(journal: Journal) -> None:
    journal.write([[reported(pnl=1.0)]])

    ((same, other),) = journal.write([[reported(pnl=1.0), reported(pnl=2.0)]])

    assert (same.status, other.status) == ("duplicate", "conflict")
    assert other.stored.outcome.pnl == 1.0
    assert journal.count() == 1


def test_a_repeated_decision_id_brings_the_first_one_back(journal: Journal) -> None:
    journal.write([[taken("own")]])

    ((told,),) = journal.write([[rejected("own")]])

    assert told.earlier is not None
    assert told.earlier.verdict.decision == "take"
    assert journal.count() == 1


def test_users_do_not_share_ids(journal: Journal) -> None:
    journal.write([[decision("own", user_id="ada"), decision("own", user_id="bob")], [reported()]])

    assert journal.count() == 3
    assert set(journal.earlier_decisions([("bob", "own"), ("eve", "own")])) == {("bob", "own")}
    assert set(journal.earlier_outcomes([("ada", "t-1"), ("bob", "t-1")])) == {("ada", "t-1")}


def test_the_oldest_come_first_and_what_is_dropped_is_gone(journal: Journal) -> None:
    journal.write([[decision(f"d-{number}") for number in range(5)]])
    first = journal.oldest("decision", 2)

    journal.drop(first)

    assert [entry.decision.decision_id for entry in first if entry.decision] == ["d-0", "d-1"]
    assert [entry.decision.decision_id for entry in journal.oldest("decision", 9) if entry.decision] == [
        "d-2",
        "d-3",
        "d-4",
    ]


def test_it_knows_when_it_is_empty_and_when_no_longer(journal: Journal) -> None:
    assert journal.is_empty()

    journal.write([[reported()]])
    filled = journal.is_empty()
    journal.drop(journal.oldest("outcome", 1))

    assert not filled
    assert journal.is_empty()


def test_what_another_process_of_the_host_wrote_is_seen(tmp_path: Path) -> None:
    mark = Mark()
    mine, other = Journal(tmp_path, mark), Journal(tmp_path, mark)
    assert mine.is_empty()

    other.write([[reported()]])

    assert not mine.is_empty()
    assert set(mine.earlier_outcomes([("ada", "t-1")])) == {("ada", "t-1")}
    mine.close()
    other.close()


def test_only_one_drains_at_a_time(tmp_path: Path, journal: Journal) -> None:
    other = Journal(tmp_path, Mark())

    with journal.draining() as ours, other.draining() as theirs:
        together = ours, theirs
    with other.draining() as later:
        pass

    assert together == (True, False)
    assert later
    other.close()


def test_it_outlives_its_process(tmp_path: Path) -> None:
    first = Journal(tmp_path, Mark())
    first.write([[reported(), reported("t-2")]])
    first.close()

    second = Journal(tmp_path, Mark())

    assert second.count() == 2
    second.close()
