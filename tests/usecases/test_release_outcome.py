"""What is released from quarantine counts from then on; releasing it twice changes nothing."""

from typing import Any

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.outbox import SqlOutbox
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.outcomes import Outcome, StoredOutcome
from ml_service.errors import Conflict, NotFound
from ml_service.usecases.release_outcome import release_outcome
from tests.builders import NOW_MS, outcome, taken

ODD = 5000.0


def report(embedded: Database, *outcomes: Outcome) -> None:
    DirectRecorder(embedded).keep(outcomes, NOW_MS)


def release(store: SqlStore, trade_id: str = "t-1", at_ms: int = NOW_MS + 5) -> StoredOutcome:
    return release_outcome("ada", trade_id, reason="it is right", actor="tester", now_ms=at_ms, store=store)


def stored(store: SqlStore, trade_id: str) -> StoredOutcome:
    with store.read() as reading:
        found = reading.outcome("ada", trade_id)
    assert found is not None
    return found


def traces(embedded: Database, store: SqlStore) -> tuple[list[Any], list[str]]:
    with store.read() as reading:
        entries = [(one.action, one.subject, one.details) for one in reading.audit_entries(0, None)]
    kinds = [event.kind for event in SqlOutbox(embedded).waiting(NOW_MS + 10, 100)]
    return entries, [kind for kind in kinds if kind != "outcome.reported"]


def test_it_is_out_of_quarantine_and_the_reason_stays_known(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome(pnl_percent=ODD))

    told = release(store)

    assert (told.quarantined, told.released_at_ms) == ("pnl_percent_implausible", NOW_MS + 5)
    assert not told.is_quarantined
    details = {"quarantined": "pnl_percent_implausible", "reason": "it is right"}
    assert traces(embedded, store) == ([("outcome.released", "ada/t-1", details)], ["outcome.released"])


def test_releasing_it_twice_gives_the_first_answer_again(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome(pnl_percent=ODD))
    first = release(store)

    again = release(store, at_ms=NOW_MS + 99)

    assert again == first
    assert [len(one) for one in traces(embedded, store)] == [1, 1]


def test_what_nobody_doubts_cannot_be_released(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome())

    with pytest.raises(Conflict, match="not in quarantine"):
        release(store)


def test_what_is_not_this_users_is_unknown(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome(user_id="bob", pnl_percent=ODD))

    with pytest.raises(NotFound):
        release(store)


def test_a_released_correction_takes_the_place_of_its_original(embedded: Database, store: SqlStore) -> None:
    report(embedded, outcome("o"), outcome("c", corrects="o", pnl_percent=ODD))
    before = stored(store, "o").superseded_by, stored(store, "c").superseded_by

    release(store, "c")

    assert before == (None, "o")
    assert (stored(store, "o").superseded_by, stored(store, "c").superseded_by) == ("c", None)


def test_a_released_real_result_takes_the_place_of_the_imagined_one(embedded: Database, store: SqlStore) -> None:
    DirectRecorder(embedded).record([taken("d-1")], 0)
    report(embedded, outcome("imagined", decision_id="d-1", accepted=False))
    report(embedded, outcome("real", decision_id="d-1", pnl_percent=ODD))

    release(store, "real")

    assert stored(store, "imagined").superseded_by == "real"
