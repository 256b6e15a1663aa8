"""Candles as a file that others read, and that is read back here as it was written."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from ml_service.adapters.market.arrow import as_arrow
from ml_service.domain.market.candles import Candles, Stream

Form = Literal["csv", "parquet", "feather"]


def write_candles(place: Path, form: Form, stream: Stream, parts: Iterable[Candles]) -> int:
    """How many bars. The stream is noted in the file where the form has a place for it."""
    batches = as_arrow(stream, parts)
    count = 0
    with writer(place, form, batches.schema) as out:
        for batch in batches:
            out.write_batch(batch)
            count += batch.num_rows
    return count


def writer(place: Path, form: Form, schema: Any) -> Any:
    match form:
        case "csv":
            return pyarrow.csv.CSVWriter(place, schema)
        case "parquet":
            return pyarrow.parquet.ParquetWriter(place, schema, compression="zstd")
        case "feather":
            return pa.ipc.new_file(place, schema)
