"""Read what is to be exported in portions, each in a look of its own: a long export keeps no database from tidying."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TypeVar

from ml_service.domain.exports import TABLES, Kind
from ml_service.domain.exports.performance import Standing, ToldDay, after
from ml_service.domain.exports.table import Row
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.tally import tallied
from ml_service.ports import Page, Period, Reading, Store

RECORDS_AT_ONCE = 500
DAYS_AT_ONCE = 7

Record = TypeVar("Record")


def export(kind: Kind, user_id: str, period: Period, *, store: Store) -> Iterator[Row]:
    """Oldest first. What is reported for the past while it runs may come too late for it."""
    rows = TABLES[kind].rows
    for record in records(kind, user_id, period, store):
        yield from rows(record)


def records(kind: Kind, user_id: str, period: Period, store: Store) -> Iterator[object]:
    match kind:
        case "decisions":
            return portions(lambda r, cursor: r.decisions_in_order(user_id, period, cursor, RECORDS_AT_ONCE), store)
        case "outcomes":
            return portions(lambda r, cursor: r.outcomes_in_order(user_id, period, cursor, RECORDS_AT_ONCE), store)
        case "adaptations":
            return portions(lambda r, cursor: r.adaptations_in_order(user_id, period, cursor, RECORDS_AT_ONCE), store)
        case "performance":
            return days(user_id, period, store)


def portions(page: Callable[[Reading, str | None], Page[Record]], store: Store) -> Iterator[Record]:
    cursor = None
    while True:
        with store.read() as reading:
            found = page(reading, cursor)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return


def days(user_id: str, period: Period, store: Store) -> Iterator[ToldDay]:
    """From the rows themselves: a window may begin and end in the middle of a day."""
    with store.read() as reading:
        since_day = period.since_ms // DAY_MS if period.since_ms is not None else None
        numbers = list(reading.outcome_stamps(user_id, since_day))
    standing = Standing()
    for start in range(0, len(numbers), DAYS_AT_ONCE):
        part = numbers[start : start + DAYS_AT_ONCE]
        since_ms, until_ms = part[0] * DAY_MS, (part[-1] + 1) * DAY_MS
        if period.since_ms is not None:
            since_ms = max(since_ms, period.since_ms)
        if period.until_ms is not None:
            until_ms = min(until_ms, period.until_ms)
        with store.read() as reading:
            outcomes = reading.counted(user_id, since_ms, until_ms)
            own = (one for one in outcomes if period.symbol in (None, one.trade.symbol))
            found = [(number, tallied(list(day))) for number, day in groupby(own, lambda one: one.trade.day)]
        for number, tally in found:
            standing = after(standing, tally)
            yield ToldDay(number, tally, standing)
