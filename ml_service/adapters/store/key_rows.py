"""API keys, without their secrets."""

import orjson
from sqlalchemy import select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, canonical
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.upserts import insert_or_replace
from ml_service.domain.keys import ApiKey


class KeysReading(Look):
    def all_keys(self) -> tuple[ApiKey, ...]:
        rows = self._connection.execute(select(t.api_keys).order_by(t.api_keys.c.created_at_ms)).mappings()
        return tuple(key_from(row) for row in rows)


class KeysWriting(KeysReading, Transaction):
    def keys_to_change(self) -> tuple[ApiKey, ...]:
        # Whoever writes keys moves the generation, and its row stays locked until the commit.
        self._generation()
        return self.all_keys()

    def save_key(self, key: ApiKey) -> None:
        row = {
            "id": key.id,
            "sha256": key.sha256,
            "scope": key.scope,
            "users": canonical(key.users) if key.users is not None else None,
            "name": key.name,
            "created_at_ms": key.created_at_ms,
            "expires_at_ms": key.expires_at_ms,
            "revoked_at_ms": key.revoked_at_ms,
            "generation": self._generation(),
        }
        self._connection.execute(insert_or_replace(self._connection, t.api_keys), row)


def key_from(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        sha256=row["sha256"],
        scope=row["scope"],
        users=tuple(orjson.loads(row["users"])) if row["users"] is not None else None,
        name=row["name"],
        created_at_ms=row["created_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
    )
