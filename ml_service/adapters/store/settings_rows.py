"""Settings documents: what each settings hash stood for, each kept once."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import canonical
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.upserts import insert_or_skip

HOUR_MS = 3_600_000


class SettingsReading(Look):
    def settings_document(self, settings_hash: str) -> Mapping[str, Any] | None:
        c = t.settings_documents.c
        text = self._connection.execute(select(c.document).where(c.hash == settings_hash)).scalar()
        return orjson.loads(text) if text is not None else None

    def settings_at(self, at_ms: int) -> tuple[str, Mapping[str, Any]] | None:
        """The settings that the newest decision up to that moment was made under, else the first known."""
        d, c = t.decisions.c, t.settings_documents.c
        settings_hash = None
        # The hour before first, then the day, then all: most questions are answered by a few blocks.
        for reach_ms in (HOUR_MS, 24 * HOUR_MS, at_ms):
            settings_hash = self._connection.execute(
                select(d.settings_hash)
                .where(d.evaluated_at_ms <= at_ms, d.evaluated_at_ms >= at_ms - reach_ms)
                .order_by(d.evaluated_at_ms.desc())
                .limit(1)
            ).scalar()
            if settings_hash is not None:
                break
        if settings_hash is None:
            settings_hash = self._connection.execute(
                select(c.hash).where(c.first_seen_ms <= at_ms).order_by(c.first_seen_ms.desc()).limit(1)
            ).scalar()
        if settings_hash is None:
            return None
        document = self.settings_document(settings_hash)
        return (settings_hash, document) if document is not None else None


class SettingsWriting(SettingsReading, Transaction):
    def save_settings_document(self, settings_hash: str, document: Mapping[str, Any], at_ms: int) -> bool:
        documents = t.settings_documents
        row = {"hash": settings_hash, "document": canonical(document), "first_seen_ms": at_ms}
        taken = insert_or_skip(self._connection, documents).returning(documents.c.hash)
        return self._connection.execute(taken, [row]).first() is not None
