"""The registry of models: one row for every version, and no slot with two that are ACTIVE."""

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, insert, select, tuple_, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, canonical
from ml_service.adapters.store.paging import cursor_parts, page_of, whole
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.domain.models.record import FileFacts, ModelRecord
from ml_service.domain.models.signing import Signed
from ml_service.domain.models.slots import Slot
from ml_service.ports import ModelFilter, Page

SHORT = tuple(column for column in t.model_registry.columns if column.name not in ("manifest", "signature"))


class ModelsReading(Look):
    def model(self, model_id: str) -> ModelRecord | None:
        return self._first(select(t.model_registry).where(t.model_registry.c.model_id == model_id), model_from)

    def models(self, wanted: ModelFilter, cursor: str | None, limit: int) -> Page[ModelRecord]:
        c = t.model_registry.c
        query = select(*SHORT)
        for column, value in (
            (c.model_type, wanted.model_type),
            (c.status, wanted.status),
            (c.symbol, wanted.symbol),
            (c.regime, wanted.regime),
        ):
            if value is not None:
                query = query.where(column == value)
        if cursor is not None:
            at_ms, model_id = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.created_at_ms, c.model_id) < (whole(at_ms), model_id))
        query = query.order_by(c.created_at_ms.desc(), c.model_id.desc())
        return page_of(self._connection, query, limit, model_from, lambda row: (row["created_at_ms"], row["model_id"]))

    def models_of_set(self, set_id: str) -> list[ModelRecord]:
        members = t.model_set_members
        query = (
            select(t.model_registry)
            .join(members, members.c.model_id == t.model_registry.c.model_id)
            .where(members.c.set_id == set_id)
            .order_by(members.c.position)
        )
        return [model_from(row) for row in self._connection.execute(query).mappings()]

    def children_of(self, model_id: str) -> list[str]:
        c = t.model_registry.c
        query = select(c.model_id).where(c.parent == model_id).order_by(c.created_at_ms, c.model_id)
        return list(self._connection.execute(query).scalars())

    def model_by_files(self, slot: Slot, native_sha256: str, onnx_sha256: str) -> ModelRecord | None:
        """The newest of its slot that is made of those files and may still serve."""
        c = t.model_registry.c
        return self._first(
            select(t.model_registry)
            .where(*of_slot(slot), c.native_sha256 == native_sha256, c.onnx_sha256 == onnx_sha256)
            .where(c.status.in_(("SHADOW", "ACTIVE")))
            .order_by(c.version.desc())
            .limit(1),
            model_from,
        )

    def models_to_tidy(
        self, status: str, before_ms: int, limit: int, spared: Collection[str] = ()
    ) -> list[ModelRecord]:
        """The oldest of those whose time has come: by the status, to be given up, to expire, or to be archived."""
        c = t.model_registry.c
        due = {"TRAINING": c.created_at_ms, "SHADOW": c.expires_at_ms}.get(status, c.retired_at_ms)
        members = t.model_set_members.c
        in_spared = select(members.model_id).where(members.set_id.in_(spared))
        query = (
            select(t.model_registry)
            .where(c.model_id.not_in(in_spared))
            .where(c.status == status, due < before_ms, c.archived_at_ms.is_(None))
            .order_by(due, c.model_id)
            .limit(limit)
        )
        return [model_from(row) for row in self._connection.execute(query).mappings()]


class ModelsWriting(ModelsReading, Transaction):
    def lock_models(self) -> None:
        """Nobody else changes models, sets or champions before this transaction has ended."""
        self._generation()

    def next_version(self, slot: Slot) -> int:
        query = select(func.coalesce(func.max(t.model_registry.c.version), 0) + 1).where(*of_slot(slot))
        return self._count(query)

    def save_model(self, model: ModelRecord) -> None:
        self._connection.execute(insert(t.model_registry).values(**model_row(model)))

    def update_model(self, model: ModelRecord) -> None:
        c = t.model_registry.c
        self._connection.execute(
            update(t.model_registry).where(c.model_id == model.model_id).values(**model_row(model))
        )


def of_slot(slot: Slot) -> tuple[ColumnElement[bool], ...]:
    c = t.model_registry.c
    return (c.model_type == slot.model_type, c.symbol == slot.symbol, c.regime == slot.regime)


def model_row(model: ModelRecord) -> dict[str, Any]:
    native, onnx, manifest = model.native, model.onnx, model.manifest
    return {
        "model_id": model.model_id,
        **model.slot._asdict(),
        "version": model.version,
        "status": model.status,
        "schema_hash": model.schema_hash,
        "native_sha256": native.sha256 if native else None,
        "native_bytes": native.size if native else None,
        "onnx_sha256": onnx.sha256 if onnx else None,
        "onnx_bytes": onnx.size if onnx else None,
        "parent": model.parent,
        "reason": model.reason,
        "created_at_ms": model.created_at_ms,
        "promoted_at_ms": model.promoted_at_ms,
        "retired_at_ms": model.retired_at_ms,
        "expires_at_ms": model.expires_at_ms,
        "archived_at_ms": model.archived_at_ms,
        "metrics": canonical(model.metrics),
        "signature": manifest.signature if manifest else None,
        "manifest": manifest.text if manifest else None,
    }


def model_from(row: Row) -> ModelRecord:
    """In a list, without the manifest."""
    return ModelRecord(
        model_id=row["model_id"],
        slot=Slot(row["model_type"], row["symbol"], row["regime"]),
        version=row["version"],
        status=row["status"],
        schema_hash=row["schema_hash"],
        created_at_ms=row["created_at_ms"],
        native=FileFacts(row["native_sha256"], row["native_bytes"]) if row["native_sha256"] else None,
        onnx=FileFacts(row["onnx_sha256"], row["onnx_bytes"]) if row["onnx_sha256"] else None,
        manifest=Signed(row["manifest"], row["signature"]) if row.get("manifest") else None,
        parent=row["parent"],
        metrics=orjson.loads(row["metrics"]),
        reason=row["reason"],
        promoted_at_ms=row["promoted_at_ms"],
        retired_at_ms=row["retired_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        archived_at_ms=row["archived_at_ms"],
    )
