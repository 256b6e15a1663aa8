"""Exports: whole tables for a spreadsheet or a notebook, sent while they are read."""

import re
import time
from collections.abc import Iterator
from itertools import chain, islice

from flask import Blueprint, Response, request, send_file

from ml_service.domain.exports import TABLES, Kind
from ml_service.domain.exports.table import Row
from ml_service.domain.types import ANY_SYMBOL
from ml_service.usecases.export import export, export_file
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.formats import CSV, JSON_LINES, PARQUET, chunks
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.exports import ExportQuery, period_of
from ml_service.web.streams import Stream
from ml_service.web.wire import date

exports = Blueprint("exports", __name__)

DAY_MS = 86_400_000
ROWS_AT_A_STRETCH = 10
PAUSE_SECONDS = 0.0002
MEDIA = {"csv": CSV, "jsonl": JSON_LINES}
NOT_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9.-]+")

exporting = contract(
    "own",
    "slow",
    query=ExportQuery,
    answer="The table, oldest rows first; what is not known is empty, or null.",
    media="text/csv",
    other_media=(JSON_LINES, PARQUET),
    in_parts=True,
)


@exports.get("/api/v1/export/decisions/<user_id>")
@exporting
def export_decisions(user_id: str) -> Response:
    """Every decision: signal values and thresholds in columns."""
    return exported("decisions", user_id)


@exports.get("/api/v1/export/outcomes/<user_id>")
@exporting
def export_outcomes(user_id: str) -> Response:
    """Every outcome: its R, its decision, whether it counts and whether it was learned from."""
    return exported("outcomes", user_id)


@exports.get("/api/v1/export/adaptations/<user_id>")
@exporting
def export_adaptations(user_id: str) -> Response:
    """A row for each threshold that was moved, with the reason and the evidence."""
    return exported("adaptations", user_id)


@exports.get("/api/v1/export/performance/<user_id>")
@exporting
def export_performance(user_id: str) -> Response:
    """A row for each day: trades, profit, return, equity, drawdown."""
    return exported("performance", user_id)


def exported(kind: Kind, user_id: str) -> Response:
    use, call = parts(), current()
    query = checked(ExportQuery, request.args.to_dict())
    period = period_of(query, call.now_ms)
    if kind == "performance" and period.symbol == ANY_SYMBOL:
        period = period_of(query.model_copy(update={"symbol": None}), call.now_ms)
    name = file_name(kind, user_id, call.now_ms, query.format)
    if query.format == "parquet":
        named = query.until is not None
        path = export_file(
            kind, user_id, period, until_named=named, store=use.store, files=use.exports, paced=giving_way
        )
        response = send_file(path, PARQUET, as_attachment=True, download_name=name, conditional=True)
    else:
        rows = begun(giving_way(export(kind, user_id, period, store=use.store)))
        response = Response(chunks(query.format, TABLES[kind].columns, rows), content_type=MEDIA[query.format])
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return holding_place(response)


def holding_place(response: Response) -> Response:
    """The place in the slow lane goes with the body, which is sent after this request has ended for the framework."""
    use, call = parts(), current()
    lane, call.lane = call.lane, None
    if lane is not None:
        response.response = Stream(iter(response.response), lambda: use.lanes.leave(lane))  # type: ignore[arg-type]
    return response


def giving_way(rows: Iterator[Row]) -> Iterator[Row]:
    """Whoever computes without a pause has the interpreter for 5 ms at a time, and a decision asks for it several
    times: let go of it every few rows."""
    for number, row in enumerate(rows):
        if number % ROWS_AT_A_STRETCH == 0:
            time.sleep(PAUSE_SECONDS)
        yield row


def begun(rows: Iterator[Row]) -> Iterator[Row]:
    """Read the first portion now, while trouble with the database can still be answered as such."""
    first = list(islice(rows, 1))
    return chain(first, rows)


def file_name(kind: str, user_id: str, now_ms: int, form: str) -> str:
    return f"{kind}-{NOT_IN_A_FILE_NAME.sub('_', user_id)[:40]}-{date(now_ms // DAY_MS)}.{form}"
