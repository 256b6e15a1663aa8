"""rollups: made anew with progress, and compared with the rows, each difference by name."""

import sqlite3
from contextlib import closing
from pathlib import Path

from ml_service.adapters.rollups.codec import content_of
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.domain.performance.tally import Tally
from ml_service.settings import load_settings
from tests.builders import NOW_MS, outcome
from tests.cli.desk import Type, store_of

DAY_MS = 86_400_000


def report(user_id: str, days: int) -> None:
    database, _ = store_of(load_settings())
    trades = [outcome(f"t-{back}", user_id, closed_at_ms=NOW_MS - back * DAY_MS) for back in range(days)]
    DirectRecorder(database).keep(trades, NOW_MS)
    database.close()


def test_every_day_of_every_user_is_rolled_up(typed: Type) -> None:
    typed("migrate")
    report("ada", 40)
    report("bob", 2)

    ended = typed("rollups", "rebuild")

    assert ended.status == 0
    assert ended.out == ("ada: 30 of 40 days\nada: 40 of 40 days\nbob: 2 of 2 days\n42 days of 2 users rolled up\n")
    assert typed("rollups", "check").out == "42 days compared, 0 not rolled up yet, 0 differences\n"


def test_one_user_can_be_rolled_up_alone(typed: Type) -> None:
    typed("migrate")
    report("ada", 3)
    report("bob", 2)

    assert typed("rollups", "rebuild", "--user", "bob").out.endswith("2 days of 1 users rolled up\n")

    assert typed("rollups", "check").out == "2 days compared, 3 not rolled up yet, 0 differences\n"
    assert typed("rollups", "check", "--user", "ada").out == "0 days compared, 3 not rolled up yet, 0 differences\n"


def test_what_differs_is_named_and_a_rebuild_puts_it_right(typed: Type, folder: Path) -> None:
    typed("migrate")
    report("ada", 2)
    typed("rollups", "rebuild")
    with closing(sqlite3.connect(folder / "metrics.db")) as connection, connection:
        changed = connection.execute(
            "UPDATE tallies SET content = ? WHERE day = ? AND breakdown = 'symbol'",
            (content_of({"BTCUSDT": Tally(corrected=7)}), NOW_MS // DAY_MS),
        )
        assert changed.rowcount == 1

    found = typed("rollups", "check")

    assert found.status == 1
    assert found.out.startswith("ada  2026-09-21  all symbols by symbol BTCUSDT: kept Tally(")
    assert "corrected=7" in found.out
    assert found.out.endswith("2 days compared, 0 not rolled up yet, 1 differences\n")
    typed("rollups", "rebuild")
    assert typed("rollups", "check").status == 0


def test_nothing_stored_is_nothing_to_roll_up(typed: Type) -> None:
    assert typed("rollups", "rebuild").out == "0 days of 0 users rolled up\n"
    assert typed("rollups", "check").status == 0
