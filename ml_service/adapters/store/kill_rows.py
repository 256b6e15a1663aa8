"""The kill switch: where it stands for everybody and for each user."""

from sqlalchemy import select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.upserts import insert_or_replace
from ml_service.domain.types import Kill


class KillReading(Look):
    def kill(self, user_id: str) -> Kill | None:
        return self._first(select(t.kill_switches).where(t.kill_switches.c.user_id == user_id), kill_from)


class KillWriting(KillReading, Transaction):
    def kill_to_change(self, user_id: str) -> Kill | None:
        self._generation()
        return self.kill(user_id)

    def save_kill(self, kill: Kill) -> None:
        row = {
            "user_id": kill.user_id,
            "on": kill.on,
            "reason": kill.reason,
            "actor": kill.actor,
            "changed_at_ms": kill.changed_at_ms,
            "generation": self._generation(),
        }
        self._connection.execute(insert_or_replace(self._connection, t.kill_switches), row)


def kill_from(row: Row) -> Kill:
    return Kill(row["user_id"], bool(row["on"]), row["reason"], row["actor"], row["changed_at_ms"])
