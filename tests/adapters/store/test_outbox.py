"""The outbox table: events wait by their mark, in order, until they are handled or set aside."""

from typing import Any

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.outbox import SqlOutbox
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.events import KillSwitchTurned, ThresholdsChanged
from tests.builders import NOW_MS


@pytest.fixture
def outbox(database: Database) -> SqlOutbox:
    with SqlStore(database).begin() as tx:
        for revision in (1, 2, 3):
            tx.publish(ThresholdsChanged("ada", "*", revision, "set"), NOW_MS)
    return SqlOutbox(database)


def revisions(events: Any) -> list[int]:
    return [event.payload["revision"] for event in events]


def test_events_wait_in_the_order_in_which_they_happened(outbox: SqlOutbox) -> None:
    found = outbox.waiting(NOW_MS, 10)

    assert revisions(found) == [1, 2, 3]
    assert {event.kind for event in found} == {"thresholds.changed"}
    assert found[0].payload == {"user_id": "ada", "symbol": "*", "revision": 1, "source": "set"}


def test_a_batch_is_limited(outbox: SqlOutbox) -> None:
    assert revisions(outbox.waiting(NOW_MS, 2)) == [1, 2]


def test_what_is_handled_waits_no_longer(outbox: SqlOutbox) -> None:
    events = outbox.waiting(NOW_MS, 10)

    outbox.handled([events[0].id, events[2].id], NOW_MS)

    assert revisions(outbox.waiting(NOW_MS, 10)) == [2]


def test_what_failed_waits_until_its_time(outbox: SqlOutbox) -> None:
    outbox.failed(outbox.waiting(NOW_MS, 1)[0], "boom", NOW_MS + 100)

    assert revisions(outbox.waiting(NOW_MS + 99, 10)) == [2, 3]
    again = outbox.waiting(NOW_MS + 100, 10)
    assert revisions(again) == [1, 2, 3]
    assert [event.attempts for event in again] == [1, 0, 0]


def test_what_is_set_aside_never_waits_again_but_is_counted(database: Database, outbox: SqlOutbox) -> None:
    outbox.failed(outbox.waiting(NOW_MS, 1)[0], "x" * 10_000, None)

    assert revisions(outbox.waiting(NOW_MS * 2, 10)) == [2, 3]
    with SqlStore(database).read() as reading:
        counts = reading.counts(0)
    assert (counts["events_waiting"], counts["events_set_aside"]) == (2, 1)


def test_an_event_is_read_as_it_was_published(database: Database, outbox: SqlOutbox) -> None:
    with SqlStore(database).begin() as tx:
        tx.publish(KillSwitchTurned("*", True, 'a "reason", é', "ada"), NOW_MS)

    found = outbox.waiting(NOW_MS, 10)[-1]

    assert (found.kind, found.payload["on"], found.payload["reason"]) == ("kill_switch.turned", True, 'a "reason", é')
