"""Tables as CSV, safe to open in a spreadsheet, and as JSON lines; written while they are sent."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import orjson
from flask import Response

from ml_service.domain.exports.table import Column, Row
from ml_service.web.wire import date, iso

CSV = "text/csv; charset=utf-8"
JSON_LINES = "application/jsonl"
PARQUET = "application/vnd.apache.parquet"
ROWS_AT_ONCE = 100

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def csv_response(filename: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """`filename` is ours: nothing that a caller sent may stand in it."""
    response = Response(csv_chunks(header, rows), content_type=CSV)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    left = iter(rows)
    yield csv_text([header])
    while part := list(islice(left, ROWS_AT_ONCE)):
        yield csv_text(part)


def csv_text(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def cell(value: object) -> str:
    """What is not known is empty. A text that a spreadsheet would execute gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if text.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def json_line_chunks(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """An object per line; what is not known is null."""
    left = iter(rows)
    while part := list(islice(left, ROWS_AT_ONCE)):
        yield b"".join(orjson.dumps(dict(zip(names, row, strict=True))) + b"\n" for row in part)


def written_out(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[list[object]]:
    """With times and dates as UTC ISO-8601."""
    times = [place for place, column in enumerate(columns) if column.kind == "time"]
    dates = [place for place, column in enumerate(columns) if column.kind == "date"]
    for row in rows:
        shown: list[object] = list(row)
        for place in times:
            at_ms = row[place]
            shown[place] = iso(at_ms) if isinstance(at_ms, int) else None
        for place in dates:
            day = row[place]
            shown[place] = date(day) if isinstance(day, int) else None
        yield shown


def chunks(form: str, columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """`form` is csv or jsonl."""
    names = [column.name for column in columns]
    shown = written_out(columns, rows)
    return csv_chunks(names, shown) if form == "csv" else json_line_chunks(names, shown)
