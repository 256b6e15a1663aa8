"""Roll-ups on this host: kept as they were given, and forgotten without harm."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_service.adapters.rollups import codec
from ml_service.adapters.rollups.local import LocalRollups
from ml_service.domain.performance.days import BREAKDOWNS
from ml_service.domain.performance.tally import Counted, Cut, Sheet, Tally, sheet_of
from ml_service.ports import RolledDay, RolledSheet
from tests.domain.performance.histories import DAY, trade

SHEET = sheet_of([Counted(trade(day=0.1)), Counted(trade(-2.0, day=0.2, symbol="ETHUSDT"), accepted=False)])
OTHER = sheet_of([Counted(trade(5.0, day=0.5))])


@pytest.fixture
def rollups(tmp_path: Path) -> Iterator[LocalRollups]:
    opened = LocalRollups(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("cut", SHEET, ids=str)
def test_every_cut_of_a_day_comes_back_with_its_stamp(rollups: LocalRollups, cut: Cut) -> None:
    rollups.keep("ada", {DAY: RolledSheet(7, SHEET)})

    assert rollups.days("ada", cut, None) == {DAY: RolledDay(7, SHEET[cut])}
    assert rollups.sheet("ada", DAY) == RolledSheet(7, {cut: tallies for cut, tallies in SHEET.items() if tallies})


def test_a_cut_that_a_day_has_not_is_empty_there(rollups: LocalRollups) -> None:
    rollups.keep("ada", {DAY: RolledSheet(7, OTHER)})

    assert rollups.days("ada", Cut("ETHUSDT"), None) == {DAY: RolledDay(7, {})}


def test_what_is_kept_again_takes_the_place_of_all_there_was(rollups: LocalRollups) -> None:
    rollups.keep("ada", {DAY: RolledSheet(7, SHEET), DAY + 1: RolledSheet(8, SHEET)})

    rollups.keep("ada", {DAY: RolledSheet(9, OTHER)})

    assert rollups.days("ada", Cut("ETHUSDT"), None) == {
        DAY: RolledDay(9, {}),
        DAY + 1: RolledDay(8, SHEET[Cut("ETHUSDT")]),
    }


def test_days_are_narrowed_by_the_first_one(rollups: LocalRollups) -> None:
    rollups.keep("ada", {day: RolledSheet(1, OTHER) for day in (-3, DAY, DAY + 1)})

    assert list(rollups.days("ada", Cut(), DAY)) == [DAY, DAY + 1]
    assert list(rollups.days("ada", Cut(), None)) == [-3, DAY, DAY + 1]


def test_one_user_is_forgotten_alone(rollups: LocalRollups) -> None:
    for user_id in ("ada", "bob"):
        rollups.keep(user_id, {DAY: RolledSheet(7, SHEET)})

    rollups.forget("ada")

    assert rollups.days("ada", Cut(), None) == {}
    assert rollups.sheet("ada", DAY) is None
    assert list(rollups.days("bob", Cut(), None)) == [DAY]


def test_a_deleted_file_is_begun_again(rollups: LocalRollups, tmp_path: Path) -> None:
    rollups.keep("ada", {DAY: RolledSheet(7, SHEET)})
    for path in tmp_path.iterdir():
        path.unlink()

    assert rollups.days("ada", Cut(), None) == {}
    rollups.keep("ada", {DAY: RolledSheet(8, SHEET)})
    assert rollups.days("ada", Cut(), None)[DAY].stamp == 8


@pytest.mark.parametrize("damage", [b"not a database, but longer than its header would be" * 99, b"SQLite format 3\0"])
def test_a_damaged_file_is_begun_again(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "metrics.db").write_bytes(damage)
    rollups = LocalRollups(tmp_path)

    with caplog.at_level(logging.WARNING):
        assert rollups.days("ada", Cut(), None) == {}
    rollups.keep("ada", {DAY: RolledSheet(8, SHEET)})

    assert "roll-ups" in caplog.text
    assert rollups.days("ada", Cut(), None)[DAY].stamp == 8
    rollups.close()


def test_damaged_content_is_begun_again(rollups: LocalRollups, tmp_path: Path) -> None:
    rollups.keep("ada", {DAY: RolledSheet(7, SHEET)})
    with sqlite3.connect(tmp_path / "metrics.db") as connection:
        connection.execute("UPDATE tallies SET content = substr(content, 1, 60)")
    connection.close()

    assert rollups.days("ada", Cut(), None) == {}
    rollups.keep("ada", {DAY: RolledSheet(8, SHEET)})
    assert rollups.days("ada", Cut(), None)[DAY].stamp == 8


def test_a_day_with_a_number_too_large_is_not_kept(rollups: LocalRollups) -> None:
    rollups.keep("ada", {DAY: RolledSheet(7, SHEET)})
    vast: Sheet = {Cut(): {None: Tally(corrected=2**70)}}

    rollups.keep("ada", {DAY: RolledSheet(8, vast), DAY + 1: RolledSheet(9, SHEET)})

    assert list(rollups.days("ada", Cut(), None)) == [DAY + 1]


def test_a_file_of_another_version_is_begun_again(rollups: LocalRollups, tmp_path: Path) -> None:
    rollups.keep("ada", {DAY: RolledSheet(7, SHEET)})
    with sqlite3.connect(tmp_path / "metrics.db") as connection:
        connection.execute("PRAGMA user_version=1")
    connection.close()

    assert rollups.days("ada", Cut(), None) == {}


def test_a_breakdown_more_is_another_version() -> None:
    """So that no day counts as rolled up that has nothing under the new name."""
    without = [name for name in BREAKDOWNS if name != "regime"]

    assert codec.shape_of([*without, "regime"]) == codec.SHAPE
    assert codec.shape_of(without) != codec.SHAPE


def test_a_file_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "metrics.db").mkdir()
    rollups = LocalRollups(tmp_path)

    rollups.keep("ada", {DAY: RolledSheet(7, SHEET)})

    assert rollups.days("ada", Cut(), None) == {}


def test_many_write_at_once(tmp_path: Path) -> None:
    """As several web processes do; each has an object of its own."""

    def write(number: int) -> None:
        own = LocalRollups(tmp_path)
        for day in range(10):
            own.keep("ada", {DAY + day: RolledSheet(number, SHEET)})
        own.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rollups = LocalRollups(tmp_path)
    found = rollups.days("ada", Cut(), None)
    assert len(found) == 10
    assert all(day.tallies == SHEET[Cut()] for day in found.values())
    rollups.close()
