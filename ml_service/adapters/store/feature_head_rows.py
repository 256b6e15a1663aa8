"""The newest feature row of every stream, beside the decisions, for the snapshot."""

from math import isnan, nan
from typing import Any

import orjson
from sqlalchemy import select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row
from ml_service.adapters.store.transaction import Transaction
from ml_service.adapters.store.upserts import inserting
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import FeatureRow

KEY = ("venue", "symbol", "interval")


class FeatureHeadsWriting(Transaction):
    def save_feature_head(self, row: FeatureRow) -> bool:
        """False where this very row stands there already, or a later one, which another process has made."""
        c = t.feature_heads.c
        mine = (c.venue == row.stream.venue, c.symbol == row.stream.symbol, c.interval == row.stream.interval)
        if self._connection.execute(select(c.set_id).where(*mine)).scalar() == row.set_id:
            return False
        values = head_values(row, self._generation())
        statement = inserting(self._connection.dialect.name, t.feature_heads).values(**values)
        later = statement.on_conflict_do_update(
            index_elements=list(KEY),
            set_={name: statement.excluded[name] for name in values if name not in KEY},
            where=tuple_(c.opened_at_ms, c.revision)
            <= tuple_(statement.excluded.opened_at_ms, statement.excluded.revision),
        ).returning(c.venue)
        return self._connection.execute(later).first() is not None


def head_values(row: FeatureRow, generation: int) -> dict[str, Any]:
    return {
        **row.stream._asdict(),
        "opened_at_ms": row.opened_at_ms,
        "revision": row.revision,
        "schema_hash": row.schema_hash,
        "set_id": row.set_id,
        "values": orjson.dumps([None if isnan(value) else value for value in row.values]).decode(),
        "missing": " ".join(row.missing),
        "regime": row.regime,
        "regime_confidence": row.regime_confidence,
        "generation": generation,
    }


def head_from(row: Row) -> FeatureRow:
    return FeatureRow(
        stream=Stream(row["venue"], row["symbol"], row["interval"]),
        opened_at_ms=row["opened_at_ms"],
        revision=row["revision"],
        schema_hash=row["schema_hash"],
        set_id=row["set_id"],
        values=tuple(nan if value is None else float(value) for value in orjson.loads(row["values"])),
        missing=tuple(row["missing"].split()),
        regime=row["regime"],
        regime_confidence=row["regime_confidence"],
    )
