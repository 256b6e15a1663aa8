"""Lanes: how many requests of a kind may run at once, so that none can take all the threads.

A request that finds its lane full waits its turn, first come, first served; whoever has waited long enough is
turned away. Waiting costs a sleeping thread and no computing time, so that the ones inside go on at full speed.
`/livez` runs in no lane at all.
"""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from ml_service.web.contracts import LaneName


@dataclass(frozen=True, slots=True)
class LaneSize:
    slots: int
    waiting: int
    wait_ms: float


class Lane:
    def __init__(self, size: LaneSize) -> None:
        self._size = size
        self._free = size.slots
        self._lock = threading.Lock()
        self._queue: deque[threading.Lock] = deque()

    def enter(self, wait_ms: float | None = None) -> bool:
        """Whether there is a place; leave() afterwards."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return True
            if len(self._queue) >= self._size.waiting:
                return False
            turn = threading.Lock()
            turn.acquire()
            self._queue.append(turn)
        patience = self._size.wait_ms if wait_ms is None else min(wait_ms, self._size.wait_ms)
        if turn.acquire(timeout=max(patience, 0.0) / 1000):
            return True
        with self._lock:
            if turn in self._queue:
                self._queue.remove(turn)
                return False
        # The place was handed over at the very moment the patience ended.
        return True

    def leave(self) -> None:
        """The place goes to whoever has waited longest; nobody who comes now can take it from them."""
        with self._lock:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._free += 1


class Lanes:
    def __init__(self, sizes: Mapping[LaneName, LaneSize]) -> None:
        self._lanes = {name: Lane(size) for name, size in sizes.items()}

    def enter(self, name: LaneName, wait_ms: float | None = None) -> bool:
        lane = self._lanes.get(name)
        return lane is None or lane.enter(wait_ms)

    def leave(self, name: LaneName) -> None:
        lane = self._lanes.get(name)
        if lane is not None:
            lane.leave()
