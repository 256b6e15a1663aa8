"""Audit entries form one chain, whoever writes them."""

import threading

from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.audit import flaws
from tests.builders import NOW_MS


def test_audit_entries_of_many_writers_form_one_chain(store: SqlStore) -> None:
    def work(number: int) -> None:
        for _ in range(5):
            with store.begin() as tx:
                tx.append_audit(NOW_MS, f"writer-{number}", "x", "y", {"n": 0.1, "text": "é"})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as reading:
        entries = list(reading.audit_entries(0, None))
    assert [entry.sequence for entry in entries] == list(range(1, 31))
    assert list(flaws(entries, (30, entries[-1].hash))) == []


def test_audit_entries_are_paged_by_number(store: SqlStore) -> None:
    with store.begin() as tx:
        for _ in range(5):
            tx.append_audit(NOW_MS, "ada", "x", "y", {})

    with store.read() as reading:
        assert [entry.sequence for entry in reading.audit_entries(2, 2)] == [3, 4]
        assert [entry.sequence for entry in reading.audit_entries(4, 10)] == [5]
