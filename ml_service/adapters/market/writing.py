"""Candles as a file that others read, and that is read back here as it was written."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from ml_service.domain.market.candles import COLUMNS, Candles, Stream

Form = Literal["csv", "parquet", "feather"]
TIME = "opened_at_ms"


def write_candles(place: Path, form: Form, stream: Stream, parts: Iterable[Candles]) -> int:
    """How many bars. The stream is noted in the file where the form has a place for it."""
    noted = {"exchange": stream.venue, "symbol": stream.symbol, "interval": stream.interval}
    schema = pa.schema([(TIME, pa.int64()), *((name, pa.float64()) for name in COLUMNS)], metadata=noted)
    count = 0
    with writer(place, form, schema) as out:
        for part in parts:
            columns = [pa.array(getattr(part, name), from_pandas=True) for name in COLUMNS]
            out.write_batch(pa.record_batch([pa.array(part.opened_at_ms), *columns], schema=schema))
            count += len(part)
    return count


def writer(place: Path, form: Form, schema: Any) -> Any:
    match form:
        case "csv":
            return pyarrow.csv.CSVWriter(place, schema)
        case "parquet":
            return pyarrow.parquet.ParquetWriter(place, schema, compression="zstd")
        case "feather":
            return pa.ipc.new_file(place, schema)
