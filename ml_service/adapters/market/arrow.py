"""Candles as Arrow, portion by portion: for pandas, for files, for whatever reads columns."""

from collections.abc import Iterable

import pyarrow as pa

from ml_service.domain.market.candles import COLUMNS, Candles, Stream

TIME = "opened_at_ms"


def as_arrow(stream: Stream, parts: Iterable[Candles]) -> pa.RecordBatchReader:
    """A batch for each part, read as it is asked for: `reader.read_pandas()` takes them all, a loop one at a time.

    What is missing is null.
    """
    noted = {"exchange": stream.venue, "symbol": stream.symbol, "interval": stream.interval}
    schema = pa.schema([(TIME, pa.int64()), *((name, pa.float64()) for name in COLUMNS)], metadata=noted)
    return pa.RecordBatchReader.from_batches(schema, (batch(part, schema) for part in parts))


def batch(part: Candles, schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array(getattr(part, name), from_pandas=True) for name in COLUMNS]
    return pa.record_batch([pa.array(part.opened_at_ms), *columns], schema=schema)
