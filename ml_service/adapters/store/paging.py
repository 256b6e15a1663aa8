"""Lists that come page by page: what narrows them, and the cursor that says where the next page begins."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

from ml_service.adapters.store.codec import Row
from ml_service.errors import InvalidInput
from ml_service.ports import Page, Period

ROWS_AT_ONCE = 500
"""Whoever walks over a whole table fetches this many at a time."""

Built = TypeVar("Built")


def page_of(
    connection: Connection,
    query: Select[Any],
    limit: int,
    build: Callable[[Row], Built],
    position: Callable[[Row], tuple[object, ...]],
) -> Page[Built]:
    rows = connection.execute(query.limit(limit + 1)).mappings().all()
    more = len(rows) > limit
    items = tuple(build(row) for row in rows[:limit])
    cursor = "~".join(str(part) for part in position(rows[limit - 1])) if more else None
    return Page(items, cursor)


def narrowed(query: Select[Any], symbol: Any, at_ms: Any, period: Period) -> Select[Any]:
    if period.symbol is not None:
        query = query.where(symbol == period.symbol)
    if period.since_ms is not None:
        query = query.where(at_ms >= period.since_ms)
    if period.until_ms is not None:
        query = query.where(at_ms < period.until_ms)
    return query


def cursor_parts(cursor: str, count: int) -> list[str]:
    parts = cursor.split("~")
    if len(parts) != count:
        raise InvalidInput.at("cursor", "expected the next_cursor of an earlier page")
    return parts


def whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise InvalidInput.at("cursor", "expected the next_cursor of an earlier page") from None
    if abs(number) >= 2**63:
        raise InvalidInput.at("cursor", "expected the next_cursor of an earlier page")
    return number
