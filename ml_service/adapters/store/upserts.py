"""Inserts that meet a row that is already there; each is built once, for to build one costs more than to run it."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_or_skip(connection: Connection, table: Table) -> Any:
    """Leaves the row alone."""
    return skipping(connection.dialect.name, table)


def insert_or_replace(connection: Connection, table: Table) -> Any:
    """Writes all of the row anew, whatever is not part of its primary key."""
    return replacing(connection.dialect.name, table)


@cache
def skipping(dialect: str, table: Table) -> Any:
    return inserting(dialect, table).on_conflict_do_nothing()


@cache
def replacing(dialect: str, table: Table) -> Any:
    statement = inserting(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key},
    )


def inserting(dialect: str, table: Table) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
