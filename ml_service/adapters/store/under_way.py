"""Ids that callers chose, while the first decision under each is on its way to something durable.

Whoever names one of them meanwhile waits for that decision. Otherwise two answers to one id could both be firm: the
first in the journal, because its wait for the database was over, and the second in the database, a moment later.
"""

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from ml_service.domain.types import RecordedDecision

Key = tuple[str, str]
"""User and decision id."""


class Flight:
    """The ids that one call was the first to name."""

    __slots__ = ("_landed", "keys", "told")

    def __init__(self) -> None:
        self._landed = threading.Event()
        self.keys: Collection[Key] = ()
        self.told: Mapping[Key, RecordedDecision] = {}
        """What stands under each, once it has landed; nothing where that went wrong."""

    def land(self) -> None:
        self._landed.set()

    def standing(self, key: Key, seconds: float) -> RecordedDecision | None:
        """What stands under the id; None where it was not known in time."""
        return self.told.get(key) if self._landed.wait(max(seconds, 0.0)) else None


class UnderWay:
    def __init__(self) -> None:
        self._flights: dict[Key, Flight] = {}
        self._lock = threading.Lock()

    @contextmanager
    def claimed(self, keys: Collection[Key]) -> Iterator[tuple[Flight, Mapping[Key, Flight]]]:
        """A flight with the ids that nobody else has named a moment ago, and who has named the others.

        Who waits for others does so after this block, so that nobody waits in a circle.
        """
        ours = Flight()
        with self._lock:
            others = {key: self._flights[key] for key in keys if key in self._flights}
            ours.keys = {key for key in keys if key not in others}
            self._flights.update(dict.fromkeys(ours.keys, ours))
        try:
            yield ours, others
        finally:
            with self._lock:
                for key in ours.keys:
                    del self._flights[key]
            ours.land()
