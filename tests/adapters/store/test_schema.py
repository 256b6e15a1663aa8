"""The shape of the database: what the migrations build is what the code expects, on both kinds."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect
from sqlalchemy.exc import OperationalError

from ml_service.adapters.store import market_tables, schema, tables
from ml_service.adapters.store.database import Database, durability_flaws
from ml_service.adapters.store.schema import FOLDER, HEAD, MARKET, STORE, Line, is_current, upgrade
from ml_service.errors import StoreUnavailable


@pytest.mark.parametrize("line", [STORE, MARKET], ids=lambda line: line.name)
def test_the_newest_migration_of_the_folder_is_the_one_expected(line: Line) -> None:
    scripts = ScriptDirectory(str(FOLDER), version_locations=[str(line.folder)])

    assert scripts.get_heads() == [line.head]


@pytest.mark.parametrize(
    ("line", "metadata"), [(STORE, tables.metadata), (MARKET, market_tables.metadata)], ids=["store", "market"]
)
def test_migrations_build_exactly_the_tables_of_the_code(
    line: Line, metadata: MetaData, store_url: str, database: Database
) -> None:
    upgrade(store_url, line=line)

    def of_our_own(found: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
        """Partitions and what Alembic keeps for itself are not in the code's list of tables."""
        table = name if kind == "table" else getattr(getattr(found, "table", None), "name", "")
        return not reflected or str(table) in metadata.tables

    with database.read() as connection:
        # SQLite has affinities instead of types.
        opts = {"include_object": of_our_own, "compare_type": not database.is_sqlite}
        differences = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)

    assert differences == []


def test_a_migrated_database_is_current_and_stays_as_it_is(store_url: str, database: Database) -> None:
    before = inspect(database.engine).get_table_names()

    assert upgrade(store_url) == HEAD

    assert is_current(database)
    assert inspect(database.engine).get_table_names() == before


def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db")

    assert not is_current(database)

    database.close()


def test_a_store_keeps_its_identity_over_upgrades(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    found = []

    for _ in range(2):
        upgrade(url)
        database = Database(url)
        with database.read() as connection:
            found.append(connection.execute(tables.store_facts.select()).all())
        database.close()

    assert found[0] == found[1]
    assert len(found[0]) == 1


def test_an_acknowledged_row_would_survive_a_power_cut(database: Database) -> None:
    assert durability_flaws(database) == ()


def test_sqlite_syncs_before_a_commit_returns(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    upgrade(url)
    database = Database(url)

    with database.read() as connection:
        modes = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]

    assert modes == [2, "wal"]
    database.close()


@pytest.mark.parametrize("flaw", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_would_lose_rows_is_found_out(postgres_url: str, flaw: str) -> None:
    database = Database(postgres_url)
    shown: dict[str, str] = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", flaw: "off"}

    assert durability_flaws(Answering(database, shown)) == (f"{flaw} is off",)  # type: ignore[arg-type]  # a server

    database.close()


class Answering:
    """A server whose settings are others than those of the one that runs."""

    is_sqlite = False

    def __init__(self, database: Database, shown: dict[str, str]) -> None:
        self._database, self._shown = database, shown

    def read(self) -> "Answering":
        return self

    def __enter__(self) -> "Answering":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def exec_driver_sql(self, statement: str) -> "Answering":
        self._asked = statement.removeprefix("SHOW ")
        return self

    def scalar_one(self) -> str:
        return self._shown[self._asked]


def test_a_change_that_writers_locked_out_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def once(database: object, to: str, up: bool, line: Line) -> None:
        tried.append(to)
        if len(tried) < 3:
            raise StoreUnavailable("deadlock detected") from OperationalError("ALTER", None, Deadlock())

    monkeypatch.setattr(schema, "migrate_once", once)
    monkeypatch.setattr(schema, "FIRST_PAUSE_SECONDS", 0.0)

    schema.migrate(None, "head", up=True, line=STORE)  # type: ignore[arg-type]  # it is only handed on

    assert tried == ["head"] * 3


def test_other_trouble_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(database: object, to: str, up: bool, line: Line) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(schema, "migrate_once", once)

    with pytest.raises(StoreUnavailable):
        schema.migrate(None, "head", up=True, line=STORE)  # type: ignore[arg-type]  # it is only handed on


class Deadlock(Exception):
    pgcode = schema.DEADLOCK
