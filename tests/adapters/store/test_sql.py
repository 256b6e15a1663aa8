"""A transaction of the store tells what it committed; one that fails leaves nothing behind."""

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import Committed, SqlStore
from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.types import ANY_SYMBOL
from tests.builders import NOW_MS, kill, thresholds


def test_a_commit_tells_its_generation_and_the_head_of_the_audit_chain(database: Database) -> None:
    told: list[Committed] = []
    store = SqlStore(database, told.append)

    with store.begin() as tx:
        tx.save_kill(kill())
        head = tx.append_audit(NOW_MS, "ada", "kill_switch.on", "*", {})
    with store.begin() as tx:
        tx.save_cursor("c", "1")

    assert [one.audit_head for one in told] == [head]
    assert told[0].generation is not None


def test_a_transaction_that_fails_leaves_nothing_behind_and_tells_nobody(database: Database) -> None:
    told: list[Committed] = []
    store = SqlStore(database, told.append)

    def write_and_fail() -> None:
        with store.begin() as tx:
            tx.save_thresholds(thresholds())
            tx.append_audit(NOW_MS, "ada", "thresholds.set", "ada/*", {})
            tx.publish(ThresholdsChanged("ada", ANY_SYMBOL, 1, "set"), NOW_MS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    with store.read() as reading:
        assert reading.thresholds_revision("ada", ANY_SYMBOL, 1) is None
        assert list(reading.audit_entries(0, None)) == []
        assert reading.counts(0)["events_waiting"] == 0
    assert told == []
