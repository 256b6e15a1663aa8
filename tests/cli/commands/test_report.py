"""report: one file, complete or not at all."""

from pathlib import Path

from tests.cli.commands.test_export import AHEAD, OLD, report
from tests.cli.desk import Type


def test_a_page_is_written(typed: Type, tmp_path: Path) -> None:
    typed("migrate")
    report("t-1")
    out = tmp_path / "out.html"

    ended = typed("report", "--user", "ada", "--since", OLD, "--until", AHEAD, "--html", str(out))
    again = typed("report", "--user", "ada", "--html", str(out))

    assert (ended.status, ended.out) == (0, f"0 signals, 0 adaptations: {out}\n")
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert again.status == 2
    assert "--force" in again.err


def test_a_window_that_ends_before_it_begins_is_refused(typed: Type, tmp_path: Path) -> None:
    out = tmp_path / "out.html"

    ended = typed("report", "--user", "ada", "--since", AHEAD, "--until", OLD, "--html", str(out))

    assert ended.status == 2
    assert list(tmp_path.glob("*.html")) == []
