"""migrate: up, down and where the database stands."""

import io
import sys

import pytest

from ml_service.adapters.store.schema import HEAD, MARKET
from tests.cli.desk import Type


def test_migrate_brings_a_new_database_to_the_newest_version(typed: Type) -> None:
    before, up, after = typed("migrate", "status"), typed("migrate"), typed("migrate", "status")

    assert (before.status, before.out) == (3, f"the database is at base, this program expects {HEAD}\n")
    assert (up.status, up.out) == (0, f"the database is at {HEAD}\nthe market store is at {MARKET.head}\n")
    assert after.status == 0


def test_migrate_may_be_repeated(typed: Type) -> None:
    typed("migrate")

    assert typed("migrate", "up").out == f"the database is at {HEAD}\n"


def test_the_market_store_has_a_line_of_its_own(typed: Type) -> None:
    typed("migrate")

    down = typed("migrate", "down", "base", "--market", "--yes")
    after, database = typed("migrate", "status", "--market"), typed("migrate", "status")

    assert "this would lose: all candles" in down.out
    assert after.out == f"the market store is at base, this program expects {MARKET.head}\n"
    assert (after.status, database.status) == (3, 0)
    assert typed("migrate", "up", "--market").out == f"the market store is at {MARKET.head}\n"


def test_going_back_says_what_would_be_lost_and_asks(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("migrate")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))

    asked, status = typed("migrate", "down", "base"), typed("migrate", "status")
    forced = typed("migrate", "down", "base", "--yes")

    assert (asked.status, status.status) == (1, 0)
    assert "this would lose: all thresholds, decisions, outcomes and events" in asked.out
    assert forced.status == 0
    assert "the database is at base" in forced.out
