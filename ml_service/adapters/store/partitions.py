"""PostgreSQL keeps decisions and candles in one partition a month; what fits none of them goes to the default one."""

import datetime
import logging
from collections.abc import Sequence

from sqlalchemy import Connection

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 2
CANDLES_LOCK = 7_301_267


def ensure_partitions(connection: Connection, now_ms: int) -> None:
    """Partitions for last month, this month and the next ones. Safe to repeat; does nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return
    this = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC)
    for ahead in range(-1, MONTHS_AHEAD + 1):
        ensure_month(connection, "decisions", "evaluated_at_ms", month(this, ahead))


def ensure_candle_partitions(connection: Connection, months: Sequence[datetime.date]) -> None:
    # One at a time: two that had both looked into the default partition would wait for each other to let go of it.
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CANDLES_LOCK})")
    for begin in months:
        at = datetime.datetime(begin.year, begin.month, 1, tzinfo=datetime.UTC)
        ensure_month(connection, "candles", "opened_at_ms", at)


def ensure_month(connection: Connection, table: str, column: str, begin: datetime.datetime) -> None:
    name = f"{table}_{begin:%Y_%m}"
    if connection.exec_driver_sql(f"SELECT to_regclass('{name}')").scalar() is not None:
        return
    low, high = millis(begin), millis(month(begin, 1))
    strays = connection.exec_driver_sql(
        f"SELECT 1 FROM {table}_default WHERE {column} >= {low} AND {column} < {high} LIMIT 1"
    ).first()
    if strays is not None:
        # A clock that was wrong put rows there; they are found all the same, only less quickly.
        logger.warning("no partition %s: rows of that month lie in the default partition", name)
        return
    connection.exec_driver_sql(
        f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ({low}) TO ({high})"
    )


def month(of: datetime.datetime, ahead: int) -> datetime.datetime:
    months = of.year * 12 + of.month - 1 + ahead
    return datetime.datetime(months // 12, months % 12 + 1, 1, tzinfo=datetime.UTC)


def millis(at: datetime.datetime) -> int:
    return int(at.timestamp() * 1000)
