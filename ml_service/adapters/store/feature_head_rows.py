"""The newest feature row of every stream, beside the decisions, for the snapshot."""

from math import isnan, nan
from typing import Any

import orjson

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row
from ml_service.adapters.store.transaction import Transaction
from ml_service.adapters.store.upserts import inserting
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import FeatureRow

KEY = ("venue", "symbol", "interval")


class FeatureHeadsWriting(Transaction):
    def save_feature_head(self, row: FeatureRow) -> bool:
        """False where a later bar's row stands there already, as when two processes took candles in."""
        values = head_values(row, self._generation())
        statement = inserting(self._connection.dialect.name, t.feature_heads).values(**values)
        later = statement.on_conflict_do_update(
            index_elements=list(KEY),
            set_={name: statement.excluded[name] for name in values if name not in KEY},
            where=t.feature_heads.c.opened_at_ms <= statement.excluded.opened_at_ms,
        ).returning(t.feature_heads.c.venue)
        return self._connection.execute(later).first() is not None


def head_values(row: FeatureRow, generation: int) -> dict[str, Any]:
    return {
        **row.stream._asdict(),
        "opened_at_ms": row.opened_at_ms,
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
        schema_hash=row["schema_hash"],
        set_id=row["set_id"],
        values=tuple(nan if value is None else float(value) for value in orjson.loads(row["values"])),
        missing=tuple(row["missing"].split()),
        regime=row["regime"],
        regime_confidence=row["regime_confidence"],
    )
