"""Lists come page by page, each row once; decisions stand for all of them."""

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.errors import InvalidInput
from tests.adapters.store.rows import ALL, pages, write
from tests.builders import NOW_MS, decision


def test_decisions_come_newest_first_page_by_page_each_once(database: Database, store: SqlStore) -> None:
    # Two of each moment: a cursor of times alone would lose or repeat one.
    write(database, *(decision(f"d-{number}", at_ms=NOW_MS + number // 2) for number in range(7)))

    with store.read() as reading:
        found = pages(lambda cursor: reading.decisions("ada", ALL, cursor, 3))

    assert [[one.decision_id for one in page] for page in found] == [
        ["d-6", "d-5", "d-4"],
        ["d-3", "d-2", "d-1"],
        ["d-0"],
    ]


def test_a_page_that_is_exactly_full_has_no_next_one(database: Database, store: SqlStore) -> None:
    write(database, decision("d-1"), decision("d-2"))

    with store.read() as reading:
        assert reading.decisions("ada", ALL, None, 2).next_cursor is None


def test_a_page_does_not_move_when_newer_decisions_arrive(database: Database, store: SqlStore) -> None:
    write(database, *(decision(f"d-{number}", at_ms=NOW_MS + number) for number in range(4)))
    with store.read() as reading:
        first = reading.decisions("ada", ALL, None, 2)

    write(database, decision("d-9", at_ms=NOW_MS + 9))

    with store.read() as reading:
        second = reading.decisions("ada", ALL, first.next_cursor, 2)
    assert [one.decision_id for one in second.items] == ["d-1", "d-0"]


@pytest.mark.parametrize("cursor", ["", "x", "1", "x~d", "1~2~3", f"{10**30}~d"])
def test_a_cursor_that_is_none_of_ours_is_refused(store: SqlStore, cursor: str) -> None:
    with pytest.raises(InvalidInput), store.read() as reading:
        reading.decisions("ada", ALL, cursor, 10)
