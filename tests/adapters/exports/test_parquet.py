"""Parquet files: every kind of value comes back as it was, in groups that bound the memory."""

import datetime
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from ml_service.adapters.exports import parquet
from ml_service.adapters.exports.parquet import write_parquet
from ml_service.domain.exports.table import Row, columns
from tests.service import ROOT

COLUMNS = columns(at="time", day="date", name="text", value="number", count="whole", good="truth")


def test_every_kind_comes_back_as_it_was(tmp_path: Path) -> None:
    rows: list[Row] = [(1_790_000_000_123, 20_000, "=1", 1.5, 3, True), (None,) * 6, (-1, -1, "", 2**63, 0, False)]

    write_parquet(tmp_path / "f", COLUMNS, rows)

    found = pyarrow.parquet.read_table(tmp_path / "f").to_pylist()
    assert [tuple(row.values()) for row in found] == [
        (
            datetime.datetime(2026, 9, 21, 14, 13, 20, 123_000, tzinfo=datetime.UTC),
            datetime.date(2024, 10, 4),
            "=1",
            1.5,
            3,
            True,
        ),
        (None,) * 6,
        (
            datetime.datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=datetime.UTC),
            datetime.date(1969, 12, 31),
            "",
            float(2**63),
            0,
            False,
        ),
    ]


def test_rows_are_written_group_by_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(parquet, "BATCHES_PER_GROUP", 2)

    write_parquet(tmp_path / "f", COLUMNS, [(number, 0, "a", 0.0, number, True) for number in range(9)])

    file = pyarrow.parquet.ParquetFile(tmp_path / "f")
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [4, 4, 1]
    assert file.read().column("count").to_pylist() == list(range(9))


def test_a_process_that_writes_none_does_not_load_the_library() -> None:
    loaded = "import sys, app, ml_service.web.wiring, ml_service.worker.wiring, ml_service.cli.main"

    found = subprocess.run(
        [sys.executable, "-c", f"{loaded}; print(sorted(set(sys.modules) & {{'pyarrow', 'pandas'}}))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert found.stdout == "[]\n", found.stderr
