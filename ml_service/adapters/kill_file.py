"""The kill switch of this host as a small file: durable, and readable with every database away."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from ml_service.domain.types import Kill
from ml_service.domain.view import LocalKill
from ml_service.durable import replace_file
from ml_service.errors import NotKept

EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class KillFileState:
    kills: Mapping[str, LocalKill]
    unreadable: bool


class LocalKillFile:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "kill_switch.json"
        self._lock_path = folder / "kill_switch.lock"

    def read(self) -> KillFileState:
        """A file that was never written is no kill; one that cannot be read or understood is."""
        try:
            kills = {
                name: LocalKill(Kill(**entry["kill"]), entry["heard"])
                for name, entry in orjson.loads(self.path.read_bytes()).items()
            }
        except FileNotFoundError:
            return KillFileState({}, unreadable=False)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return KillFileState({}, unreadable=True)
        return KillFileState(kills, unreadable=False)

    def fingerprint(self) -> tuple[int, int, int] | None:
        """Changes whenever the file does."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_ctime_ns, status.st_size

    def turn(self, kill: Kill) -> None:
        self._write({kill.user_id: LocalKill(kill, heard=False)})

    def heard(self, kill: Kill) -> None:
        self._write({kill.user_id: LocalKill(kill, heard=True)}, only_if_same=True)

    def _write(self, entries: Mapping[str, LocalKill], only_if_same: bool = False) -> None:
        try:
            with self._alone():
                state = self.read()
                kept = dict(state.kills)
                if state.unreadable and only_if_same:
                    return
                if state.unreadable:
                    # It counted as ON for everybody; only turning it off for everybody may lift that.
                    kept[EVERYBODY] = LocalKill(unreadable_kill(entries), heard=False)
                for name, entry in entries.items():
                    if only_if_same and (name not in kept or kept[name].kill != entry.kill):
                        # It was turned again meanwhile; that turn has not been heard yet.
                        continue
                    kept[name] = entry
                replace_file(self.path, orjson.dumps({name: asdict(entry) for name, entry in kept.items()}))
        except OSError as error:
            raise NotKept("the kill file of this host could not be written") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def unreadable_kill(entries: Mapping[str, LocalKill]) -> Kill:
    newest_ms = max(entry.kill.changed_at_ms for entry in entries.values())
    return Kill(EVERYBODY, True, "the kill file could not be read", "this host", newest_ms)
