"""A table as a Parquet file, written group by group so that memory does not grow with it.

The library takes a good 60 MB of memory: it is imported where a file is written, and nowhere before.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ml_service.domain.exports.table import Column, ColumnKind, Row

ROWS_AT_ONCE = 500
BATCHES_PER_GROUP = 40


def write_parquet(place: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    import pyarrow
    import pyarrow.parquet

    left = iter(rows)
    schema = pyarrow.schema([(column.name, arrow_type(column.kind)) for column in columns])
    with pyarrow.parquet.ParquetWriter(place, schema, compression="zstd") as writer:
        batches: list[Any] = []
        while part := list(islice(left, ROWS_AT_ONCE)):
            arrays = [
                pyarrow.array(fitting(column.kind, values), type=field.type)
                for column, field, values in zip(columns, schema, zip(*part, strict=True), strict=True)
            ]
            batches.append(pyarrow.record_batch(arrays, schema=schema))
            if len(batches) == BATCHES_PER_GROUP:
                writer.write_table(pyarrow.Table.from_batches(batches))
                batches = []
        if batches:
            writer.write_table(pyarrow.Table.from_batches(batches))
    pyarrow.default_memory_pool().release_unused()


def arrow_type(kind: ColumnKind) -> Any:
    import pyarrow

    match kind:
        case "text":
            return pyarrow.string()
        case "number":
            return pyarrow.float64()
        case "whole":
            return pyarrow.int64()
        case "truth":
            return pyarrow.bool_()
        case "time":
            return pyarrow.timestamp("ms", tz="UTC")
        case "date":
            return pyarrow.date32()


def fitting(kind: ColumnKind, values: Sequence[object]) -> Sequence[object]:
    """JSON does not tell 1 from 1.0; the library refuses whole numbers that a float cannot hold exactly."""
    if kind != "number":
        return values
    return [float(value) if isinstance(value, int) else value for value in values]
