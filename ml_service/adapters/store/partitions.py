"""PostgreSQL keeps decisions in one partition a month; what fits none of them goes to the default one."""

import datetime
import logging

from sqlalchemy import Connection

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 2


def ensure_partitions(connection: Connection, now_ms: int) -> None:
    """Partitions for last month, this month and the next ones. Safe to repeat; does nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return
    this = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC)
    for ahead in range(-1, MONTHS_AHEAD + 1):
        begin = month(this, ahead)
        name = f"decisions_{begin:%Y_%m}"
        if connection.exec_driver_sql(f"SELECT to_regclass('{name}')").scalar() is not None:
            continue
        low, high = millis(begin), millis(month(this, ahead + 1))
        strays = connection.exec_driver_sql(
            f"SELECT 1 FROM decisions_default WHERE evaluated_at_ms >= {low} AND evaluated_at_ms < {high} LIMIT 1"
        ).first()
        if strays is not None:
            # A clock that was wrong put rows there; they are found all the same, only less quickly.
            logger.warning("no partition %s: rows of that month lie in the default partition", name)
            continue
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF decisions FOR VALUES FROM ({low}) TO ({high})"
        )


def month(of: datetime.datetime, ahead: int) -> datetime.datetime:
    months = of.year * 12 + of.month - 1 + ahead
    return datetime.datetime(months // 12, months % 12 + 1, 1, tzinfo=datetime.UTC)


def millis(at: datetime.datetime) -> int:
    return int(at.timestamp() * 1000)
