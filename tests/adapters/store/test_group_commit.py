"""Group commit: company shares a commit, nobody waits alone, nobody pays for another's mistake."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from ml_service.adapters.store.group_commit import GATHER_SECONDS, GROUP_ROWS, GroupCommit
from ml_service.errors import StoreUnavailable

SOON = 5.0

Start = Callable[..., GroupCommit[int]]


class Disk:
    """Writes groups down; held, it makes the writer wait, so that a queue can form behind it."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self.busy = threading.Event()

    def write(self, group: list[int]) -> Sequence[Any]:
        self.busy.set()
        assert self.free.wait(SOON)
        self.groups.append(list(group))
        if any(number < 0 for number in group):
            raise ValueError("a negative number")
        return [number * 10 for number in group]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def start(disk: Disk) -> Iterator[Start]:
    opened: list[GroupCommit[int]] = []

    def begin(write: Callable[[list[int]], Sequence[Any]] = disk.write, rows_max: int = 1000) -> GroupCommit[int]:
        opened.append(GroupCommit("test", write, rows_max=rows_max))
        return opened[-1]

    yield begin
    disk.free.set()
    for one in opened:
        one.close(SOON)


def occupied(commit: GroupCommit[int], disk: Disk) -> Any:
    """The writer has one ticket in hand and cannot go on."""
    disk.free.clear()
    first = commit.submit(0)
    assert disk.busy.wait(SOON)
    return first


def test_each_ticket_gets_its_own_result(start: Start) -> None:
    commit = start()

    tickets = [commit.submit(number) for number in range(20)]

    for number, ticket in enumerate(tickets):
        assert ticket is not None
        assert ticket.wait(SOON)
        assert (ticket.result, ticket.error) == (number * 10, None)


def test_all_who_wait_meanwhile_share_one_commit(start: Start, disk: Disk) -> None:
    commit = start()
    occupied(commit, disk)
    tickets = [commit.submit(number) for number in range(1, 9)]

    disk.free.set()

    for ticket in tickets:
        assert ticket is not None
        assert ticket.wait(SOON)
    assert disk.groups == [[0], list(range(1, 9))]


def test_a_group_has_a_largest_size_and_the_rest_follows(start: Start, disk: Disk) -> None:
    commit = start()
    occupied(commit, disk)
    tickets = [commit.submit(number) for number in range(GROUP_ROWS + 10)]

    disk.free.set()

    for ticket in tickets:
        assert ticket is not None
        assert ticket.wait(SOON)
    assert [len(group) for group in disk.groups] == [1, GROUP_ROWS, 10]


def test_a_lone_caller_does_not_wait_for_company(start: Start) -> None:
    commit = start()
    waits = []

    for number in range(30):
        began = time.perf_counter()
        ticket = commit.submit(number)
        assert ticket is not None
        assert ticket.wait(SOON)
        waits.append(time.perf_counter() - began)

    # The median: a busy machine may delay some, but a wait for company would delay every one.
    assert sorted(waits)[15] < GATHER_SECONDS / 2


def test_company_that_stays_away_is_waited_for_only_once(start: Start, disk: Disk) -> None:
    commit = start()
    occupied(commit, disk)
    together = [commit.submit(number) for number in range(1, 9)]
    disk.free.set()
    for ticket in together:
        assert ticket is not None
        assert ticket.wait(SOON)

    for number in range(3):
        alone = commit.submit(number)
        assert alone is not None
        assert alone.wait(SOON)

    assert [len(group) for group in disk.groups] == [1, 8, 1, 1, 1]


def test_one_guilty_ticket_does_not_fail_its_neighbours(start: Start, disk: Disk) -> None:
    commit = start()
    occupied(commit, disk)
    good, guilty, also_good = commit.submit(1), commit.submit(-1), commit.submit(2)
    assert good is not None
    assert guilty is not None
    assert also_good is not None

    disk.free.set()

    assert all(ticket.wait(SOON) for ticket in (good, guilty, also_good))
    assert (good.result, also_good.result) == (10, 20)
    assert isinstance(guilty.error, ValueError)
    assert good.error is None
    assert also_good.error is None


def test_the_writer_goes_on_after_an_error(start: Start) -> None:
    commit = start()
    guilty = commit.submit(-1)
    assert guilty is not None
    assert guilty.wait(SOON)

    later = commit.submit(3)

    assert later is not None
    assert later.wait(SOON)
    assert later.result == 30


def test_a_database_that_is_away_fails_the_whole_group_at_once(start: Start) -> None:
    attempts = []

    def away(group: list[int]) -> Sequence[Any]:
        attempts.append(list(group))
        raise StoreUnavailable("away")

    commit = start(away)
    assert commit.failed_ms_ago() is None

    ticket = commit.submit(1)

    assert ticket is not None
    assert ticket.wait(SOON)
    assert isinstance(ticket.error, StoreUnavailable)
    assert attempts == [[1]]
    assert commit.failed_ms_ago() is not None


def test_a_success_clears_the_failure(start: Start) -> None:
    answers = iter([StoreUnavailable("away"), None])

    def once_away(group: list[int]) -> Sequence[Any]:
        error = next(answers)
        if error is not None:
            raise error
        return group

    commit = start(once_away)

    for number in (1, 2):
        ticket = commit.submit(number)
        assert ticket is not None
        assert ticket.wait(SOON)

    assert commit.failed_ms_ago() is None


def test_a_cancelled_ticket_is_not_written(start: Start, disk: Disk) -> None:
    commit = start()
    occupied(commit, disk)
    cancelled, kept = commit.submit(1), commit.submit(2)
    assert cancelled is not None
    assert kept is not None

    cancelled.cancelled = True
    disk.free.set()

    assert kept.wait(SOON)
    assert cancelled.wait(SOON)
    assert cancelled.result is None
    assert disk.groups == [[0], [2]]


def test_a_full_queue_takes_no_more(start: Start, disk: Disk) -> None:
    commit = start(rows_max=3)
    occupied(commit, disk)

    taken = [commit.submit(number) is not None for number in range(5)]

    assert taken == [True, True, True, False, False]


def test_a_wait_ends_when_its_time_is_up(start: Start, disk: Disk) -> None:
    commit = start()
    ticket = occupied(commit, disk)

    assert not ticket.wait(0.01)
    assert not ticket.wait(-1.0)

    disk.free.set()
    assert ticket.wait(SOON)


def test_a_group_that_takes_long_shows(start: Start, disk: Disk) -> None:
    commit = start()
    assert commit.stuck_ms() == 0.0
    occupied(commit, disk)

    time.sleep(0.02)

    assert commit.stuck_ms() >= 15.0


def test_closing_writes_what_is_queued_and_takes_nothing_new(start: Start, disk: Disk) -> None:
    commit = start()
    occupied(commit, disk)
    queued = commit.submit(1)
    assert queued is not None

    closing = threading.Thread(target=commit.close, args=(SOON,))
    closing.start()
    disk.free.set()
    closing.join()

    assert queued.result == 10
    assert commit.submit(2) is None


def test_the_writer_s_own_thread_tidies_up_behind_it() -> None:
    ended: list[str] = []
    commit: GroupCommit[int] = GroupCommit(
        "the writer", list, rows_max=1, at_end=lambda: ended.append(threading.current_thread().name)
    )

    commit.close(SOON)

    assert ended == ["the writer"]
