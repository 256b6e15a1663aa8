"""Group commit: one writer thread, and all who wait at the same moment share one transaction."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ml_service.errors import Unavailable

Work = TypeVar("Work")

GROUP_ROWS = 256
"""Once a group has as many rows, further tickets wait for the next transaction."""
GATHER_SECONDS = 0.003
"""How long a group waits for those who shared the last commit and are likely to come again."""


class Ticket(Generic[Work]):
    """A place in the queue; `result` or `error` is there once `wait` has returned True."""

    __slots__ = ("_done", "cancelled", "error", "result", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.result: Any = None
        self.error: Exception | None = None
        self.cancelled = False
        self._done = threading.Lock()
        self._done.acquire()

    def wait(self, seconds: float) -> bool:
        if not self._done.acquire(timeout=max(seconds, 0.0)):
            return False
        self._done.release()
        return True

    def finish(self) -> None:
        self._done.release()


class GroupCommit(Generic[Work]):
    """`write` gets the work of a whole group and returns one result for each, after the commit.

    Like it, `at_end` runs in the writer's own thread.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[list[Work]], Sequence[Any]],
        *,
        rows_max: int,
        rows_of: Callable[[Work], int] = lambda work: 1,
        on_failure: Callable[[Work], None] = lambda work: None,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._write = write
        self._rows_max = rows_max
        self._rows_of = rows_of
        self._on_failure = on_failure
        self._at_end = at_end
        self._queue: deque[Ticket[Work]] = deque()
        self._rows_waiting = 0
        self._wake = threading.Condition()
        self._began: float | None = None
        self._rows_in_hand = 0
        self._failed_at: float | None = None
        self._closing = False
        self._last_size = 1
        self._wake_at = 1
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> Ticket[Work] | None:
        """A ticket, or None when the queue is full."""
        ticket = Ticket(work)
        with self._wake:
            rows = self._rows_of(work)
            if self._rows_waiting + rows > self._rows_max or self._closing:
                return None
            self._rows_waiting += rows
            self._queue.append(ticket)
            if len(self._queue) >= self._wake_at:
                self._wake.notify()
        return ticket

    def stuck_ms(self) -> float:
        """How long the group being written has taken so far."""
        began = self._began
        return 0.0 if began is None else (time.monotonic() - began) * 1000

    def failed_ms_ago(self) -> float | None:
        """How long ago the last group failed; None once one has succeeded again."""
        failed = self._failed_at
        return None if failed is None else (time.monotonic() - failed) * 1000

    def rows_in_hand(self) -> int:
        return self._rows_in_hand

    def close(self, seconds: float) -> None:
        """Write what is queued, then stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if group is None:
                self._at_end()
                return
            if group:
                self._commit(group)

    def _next_group(self) -> list[Ticket[Work]] | None:
        with self._wake:
            while not self._queue:
                if self._closing:
                    return None
                self._wake.wait()
            self._gather()
            group: list[Ticket[Work]] = []
            rows = 0
            while self._queue and rows < GROUP_ROWS:
                ticket = self._queue.popleft()
                self._rows_waiting -= self._rows_of(ticket.work)
                if ticket.cancelled:
                    ticket.finish()
                else:
                    group.append(ticket)
                    rows += self._rows_of(ticket.work)
            self._rows_in_hand = rows
            self._last_size = len(group)
            return group

    def _gather(self) -> None:
        """Under load, wait a moment for company: a commit costs the same for eight as for one.

        Whoever waited for the last commit has just been released and is on its way back with the next request.
        A lone caller never waits here.
        """
        if self._last_size > 1 and len(self._queue) < self._last_size:
            self._wake_at = self._last_size
            self._wake.wait(GATHER_SECONDS)
            self._wake_at = 1

    def _commit(self, group: list[Ticket[Work]]) -> None:
        self._began = time.monotonic()
        try:
            results = self._write([ticket.work for ticket in group])
            assert len(results) == len(group)
        except Unavailable as error:
            self._failed_at = time.monotonic()
            self._fail(group, error)
        except Exception as error:
            # One request's trouble must not fail its neighbours: written alone, only the guilty one fails.
            if len(group) == 1:
                self._fail(group, error)
            for ticket in group if len(group) > 1 else ():
                self._commit([ticket])
        else:
            self._failed_at = None
            for ticket, result in zip(group, results, strict=True):
                ticket.result = result
                ticket.finish()
        finally:
            self._began = None

    def _fail(self, group: list[Ticket[Work]], error: Exception) -> None:
        for ticket in group:
            ticket.error = error
            self._on_failure(ticket.work)
            ticket.finish()
