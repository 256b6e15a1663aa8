"""The snapshot: all that a decision reads, in memory, kept new by a thread of its own.

Requests never wait for the database here. They glance at a shared mark; when it moved they give the thread a few
milliseconds to catch up, and decide from what they have if it cannot.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from ml_service.domain.market.feature_rows import FeatureSource
from ml_service.domain.types import GatePolicy
from ml_service.domain.view import Changes, LocalKill, View, changed, under_settings
from ml_service.errors import Unavailable

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
CATCH_UP_SECONDS = 0.02
OWN_WRITE_SECONDS = 1.0
STALE_AFTER_MS = 1_500
FIRST_LOOK_SECONDS = 0.75
"""A start waits this long for the database where this host has a copy to decide from meanwhile."""


class Mark(Protocol):
    def value(self) -> int: ...


class KillFileState(Protocol):
    @property
    def kills(self) -> Mapping[str, LocalKill]: ...
    @property
    def unreadable(self) -> bool: ...


class KillFile(Protocol):
    def read(self) -> KillFileState: ...
    def fingerprint(self) -> tuple[int, int, int] | None: ...


class Copy(Protocol):
    def load(self) -> Changes | None: ...
    def save(self, changes: Changes, since: int, view: View) -> None: ...
    def close(self) -> None: ...


class LiveSnapshot:
    def __init__(
        self,
        first: View,
        load: Callable[[str, int], Changes | None],
        mark: Mark,
        copy: Copy,
        kill_file: KillFile,
    ) -> None:
        self._view = first
        self._load = load
        self._mark = mark
        self._copy = copy
        self._kill_file = kill_file
        self._kill_seen: object = object()
        self._seen = -1
        self._new_at = time.monotonic()
        self._loading_since: float | None = None
        self._failing = False
        self._writing = threading.Lock()
        self._refreshed = threading.Condition()
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._threads = (
            threading.Thread(target=self._refresh_for_ever, name="snapshot", daemon=True),
            threading.Thread(target=self._watch_kill_file, name="kill-file", daemon=True),
        )

    def start(self) -> None:
        """Fill the view from the database, else from this host's copy, and keep it new from then on."""
        self._look_at_kill_file()
        kept = self._copy.load()
        if kept is None:
            self.refresh()
        else:
            self._wanted.set()
        for thread in self._threads:
            thread.start()
        if kept is not None:
            self._start_from(kept)

    def _start_from(self, kept: Changes) -> None:
        with self._refreshed:
            self._refreshed.wait_for(lambda: self._view.generation >= 0 or self._failing, FIRST_LOOK_SECONDS)
        with self._writing:
            if self._view.generation < 0:
                if not self._failing:
                    logger.warning("deciding from the last snapshot: the database has not answered yet")
                self._failing = True
                # Of no store: whatever the database says first replaces all of it.
                self._view = changed(self._view, replace(kept, store_id=""))

    def stop(self) -> None:
        self._stop.set()
        self._wanted.set()

    # ---- what requests ask

    def view(self) -> View:
        if self._mark.value() != self._seen:
            self._look_at_kill_file()
            self._wait_for_mark(CATCH_UP_SECONDS)
        return self._view

    def catch_up(self) -> None:
        self._look_at_kill_file()
        self._wait_for_mark(OWN_WRITE_SECONDS)

    def age_ms(self) -> int:
        return int((time.monotonic() - self._new_at) * 1000)

    def is_stale(self) -> bool:
        return self._failing or self.age_ms() > STALE_AFTER_MS

    def use_settings(self, policy: GatePolicy, settings_hash: str, exploration: float, source: FeatureSource) -> None:
        with self._writing:
            self._view = under_settings(self._view, policy, settings_hash, exploration, source)

    # ---- keeping it new

    def refresh(self) -> bool:
        """One look at the database; False when it did not answer."""
        mark = self._mark.value()
        before = self._view
        self._loading_since = time.monotonic()
        try:
            changes = self._load(before.store_id, before.generation)
        except Unavailable as error:
            if not self._failing:
                logger.warning("deciding from the last snapshot: %s", error)
            self._failing = True
            return False
        else:
            self._take(changes)
        finally:
            self._loading_since = None
            self._seen = mark
            with self._refreshed:
                self._refreshed.notify_all()
        if changes is not None:
            self._keep(changes, before.generation)
        return True

    def _take(self, changes: Changes | None) -> None:
        if changes is not None:
            with self._writing:
                self._view = changed(self._view, changes)
        if self._failing:
            logger.info("the database answers again")
        self._failing = False
        self._new_at = time.monotonic()

    def _keep(self, changes: Changes, since: int) -> None:
        try:
            self._copy.save(changes, since, self._view)
        except Exception as error:
            # The copy is for a start without the database; without it this process still decides.
            logger.warning("the snapshot could not be kept on disk: %s", error)

    def _refresh_for_ever(self) -> None:
        while not self._stop.is_set():
            self._wanted.wait(POLL_SECONDS)
            self._wanted.clear()
            try:
                self.refresh()
            except Exception:
                self._failing = True
                logger.exception("the snapshot could not be refreshed")
        self._copy.close()

    def _wait_for_mark(self, seconds: float) -> None:
        mark = self._mark.value()
        loading = self._loading_since
        if self._failing or (loading is not None and time.monotonic() - loading > 0.1):
            # The database is away or slow: waiting here would make every decision slow with it.
            return
        self._wanted.set()
        with self._refreshed:
            self._refreshed.wait_for(lambda: self._seen == mark or self._failing, timeout=seconds)

    # ---- the kill file

    def _watch_kill_file(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._look_at_kill_file()

    def _look_at_kill_file(self) -> None:
        fingerprint = self._kill_file.fingerprint()
        if fingerprint == self._kill_seen:
            return
        state = self._kill_file.read()
        with self._writing:
            self._view = replace(self._view, local_kills=state.kills, kill_file_unreadable=state.unreadable)
        self._kill_seen = fingerprint
