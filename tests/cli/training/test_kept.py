"""Kept fits: there once they are whole, gone after two weeks in which nobody asked for them."""

import os
import time
from pathlib import Path

from ml_service.cli.training.kept import DAY_S, KEPT_DAYS, KeptFits


def test_what_is_kept_is_read_again_and_nothing_half_written_lies_beside_it(tmp_path: Path) -> None:
    kept = KeptFits(tmp_path / "fits")
    kept.keep("xgboost-0", b"content")

    assert kept.read("xgboost-0") == b"content"
    assert kept.read("xgboost-1") is None
    assert [place.name for place in (tmp_path / "fits").iterdir()] == ["xgboost-0.fit"]


def test_old_ones_go_unless_they_are_asked_for(tmp_path: Path) -> None:
    kept = KeptFits(tmp_path)
    for name in ("old", "asked", "new"):
        kept.keep(name, b"")
    past = time.time() - (KEPT_DAYS + 1) * DAY_S
    for name in ("old", "asked"):
        os.utime(tmp_path / f"{name}.fit", (past, past))
    kept.read("asked")

    assert kept.drop_old() == 1
    assert (kept.read("old"), kept.read("asked"), kept.read("new")) == (None, b"", b"")
