"""`export`: a table of one user into a file."""

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_service.cli.moments import moment
from ml_service.settings import load_settings

if TYPE_CHECKING:
    from ml_service.domain.exports.table import Row, Table

DAY_MS = 86_400_000


class What(StrEnum):
    DECISIONS = "decisions"
    OUTCOMES = "outcomes"
    ADAPTATIONS = "adaptations"
    PERFORMANCE = "performance"


class Form(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def export(
    what: Annotated[What, typer.Argument(help="Which table.")],
    user: Annotated[str, typer.Option(help="Whose.")],
    out: Annotated[Path, typer.Option(help="The file to write; it is there once it is complete.")],
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.CSV,
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 30d, or a UTC time.")] = "30d",
    until: Annotated[str | None, typer.Option(help="Up to when; now if left out.")] = None,
    symbol: Annotated[str | None, typer.Option(help="One symbol; all of them if left out.")] = None,
    force: Annotated[bool, typer.Option(help="Write over a file that is there already.")] = False,
) -> None:
    """Write decisions, outcomes, adaptations or performance of a user to a file, oldest first."""
    from ml_service.adapters.exports.parquet import write_parquet
    from ml_service.cli.files import written_whole
    from ml_service.cli.symbols import symbol_from
    from ml_service.cli.wiring import open_store
    from ml_service.domain.exports import TABLES
    from ml_service.ports import Period
    from ml_service.usecases import export as usecase
    from ml_service.web.formats import chunks

    settings = load_settings()
    with written_whole(out, force) as part, open_store(settings) as tools:
        now_ms = tools.now_ms()
        period = Period(
            symbol_from(symbol), moment(since, now_ms), moment(until, now_ms) if until is not None else now_ms + 1
        )
        table = TABLES[what.value]
        rows = Counted(table, usecase.export(what.value, user, period, store=tools.store), period.since_ms or 0, now_ms)
        if form is Form.PARQUET:
            write_parquet(part, table.columns, rows)
        else:
            with part.open("wb") as file:
                file.writelines(chunks(form.value, table.columns, iter(rows)))
    print(f"{rows.count} rows of {what.value} in {os.fspath(out)}")


class Counted:
    """Rows on their way, with a bar on stderr that follows their times."""

    def __init__(self, table: "Table[object]", rows: "Iterator[Row]", since_ms: int, until_ms: int) -> None:
        self.count = 0
        self._table = table
        self._rows = rows
        self._since_ms = since_ms
        self._length = max(1, until_ms - since_ms)

    def __iter__(self) -> "Iterator[Row]":
        unit_ms = DAY_MS if self._table.columns[0].kind == "date" else 1
        with typer.progressbar(length=self._length, label=f"exporting {self._table.name}", file=sys.stderr) as bar:
            for row in self._rows:
                assert isinstance(row[0], int), "a table begins with a time"
                bar.update(min(max(0, row[0] * unit_ms - self._since_ms), self._length) - bar.pos)
                self.count += 1
                yield row
            bar.update(self._length - bar.pos)
