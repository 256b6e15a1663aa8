"""export: a table into a file, complete or not at all."""

import csv
from pathlib import Path

import pytest

from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.errors import StoreUnavailable
from ml_service.settings import load_settings
from ml_service.usecases import export as usecase
from tests.builders import NOW_MS, outcome
from tests.cli.desk import Type, store_of

OLD = "2020-01-01"
AHEAD = "2030-01-01"


def report(*trade_ids: str) -> None:
    database, _ = store_of(load_settings())
    DirectRecorder(database).keep([outcome(name, closed_at_ms=NOW_MS) for name in trade_ids], NOW_MS)
    database.close()


def words(out: Path, *more: str) -> tuple[str, ...]:
    return ("export", "outcomes", "--user", "ada", "--since", OLD, "--until", AHEAD, "--out", str(out), *more)


def test_a_table_is_written_with_progress_beside_it(typed: Type, tmp_path: Path) -> None:
    typed("migrate")
    report("t-1", "t-2")
    out = tmp_path / "out.csv"

    ended = typed(*words(out))

    assert (ended.status, ended.out) == (0, f"2 rows of outcomes in {out}\n")
    assert "exporting outcomes" in ended.err
    with out.open(newline="") as file:
        assert [row["trade_id"] for row in csv.DictReader(file)] == ["t-1", "t-2"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.csv"]
    assert out.stat().st_mode & 0o077 == 0


def test_other_forms_and_days_can_be_had_as_well(typed: Type, tmp_path: Path) -> None:
    typed("migrate")
    report("t-1")
    out = tmp_path / "out.jsonl"

    assert typed(*words(out, "--format", "jsonl", "--symbol", "btc/usdt")).status == 0
    assert out.read_bytes().count(b"\n") == 1
    assert typed(*words(tmp_path / "out.parquet", "--format", "parquet")).status == 0
    assert (tmp_path / "out.parquet").read_bytes().startswith(b"PAR1")
    days = ("export", "performance", "--user", "ada", "--since", OLD, "--out", str(tmp_path / "days.csv"))
    assert typed(*days).status == 0


def test_a_file_that_is_there_stays_unless_forced(typed: Type, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")

    refused = typed(*words(out))
    kept = out.read_text()
    forced = typed(*words(out, "--force"))

    assert (refused.status, kept) == (2, "mine")
    assert "--force" in refused.err
    assert forced.status == 0
    assert out.read_text().startswith("at,trade_id")


def test_what_breaks_off_leaves_nothing_behind(typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> object:
        raise StoreUnavailable("the database went away")

    monkeypatch.setattr(usecase, "records", gone)
    out = tmp_path / "out.csv"
    out.write_text("mine")

    ended = typed(*words(out, "--force"))

    assert ended.status == 1
    assert "store_unavailable" in ended.err
    assert out.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.csv"]


@pytest.mark.parametrize("more", [("--symbol", "btc usdt"), ("--since", "soon"), ("--format", "xlsx")])
def test_what_cannot_be_understood_is_refused(more: tuple[str, ...], typed: Type, tmp_path: Path) -> None:
    assert typed(*words(tmp_path / "out.csv", *more)).status == 2
    assert typed(*words(tmp_path / "none" / "out.csv")).status == 2
