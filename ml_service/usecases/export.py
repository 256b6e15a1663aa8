"""Read what is to be exported in portions, each in a look of its own: a long export keeps no database from tidying."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import groupby

from ml_service.domain.exports import TABLES, Kind
from ml_service.domain.exports.performance import Standing, ToldDay, after
from ml_service.domain.exports.table import Row
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.tally import tallied
from ml_service.ports import ExportFiles, Period, Reading, Store, all_of

RECORDS_AT_ONCE = 100
DAYS_AT_ONCE = 7


def export(kind: Kind, user_id: str, period: Period, *, store: Store) -> Iterator[Row]:
    """Oldest first. What is reported for the past while it runs may come too late for it."""
    rows = TABLES[kind].rows
    for record in records(kind, user_id, period, store):
        yield from rows(record)


def export_file(
    kind: Kind,
    user_id: str,
    period: Period,
    *,
    until_named: bool,
    store: Store,
    files: ExportFiles,
    paced: Callable[[Iterator[Row]], Iterator[Row]] = lambda rows: rows,
) -> str:
    """The path of a finished file. The same request finds the same one for as long as its rows stay as they are, so
    that a download can go on where it broke off."""
    files.drop_old()
    with store.read() as reading:
        state = state_of(kind, user_id, period, reading)
    asked = (kind, user_id, period.symbol, period.since_ms, period.until_ms if until_named else None)
    columns = TABLES[kind].columns
    name = hashlib.sha256(repr((asked, columns, state)).encode()).hexdigest()[:32]
    return files.find(name) or files.write(name, columns, paced(export(kind, user_id, period, store=store)))


def state_of(kind: Kind, user_id: str, period: Period, reading: Reading) -> object:
    """Another one whenever other rows would be exported."""
    match kind:
        case "decisions":
            # Never changed once they are written.
            return [one.decision_id for one in reading.decisions(user_id, period, None, 1).items]
        case "adaptations":
            # Each one, and each that is taken back, makes a revision.
            newest = reading.thresholds_history(user_id, None, None, 1).items
            return [(one.changed_at_ms, one.symbol, one.revision) for one in newest]
        case "outcomes" | "performance":
            since_day = period.since_ms // DAY_MS if period.since_ms is not None else None
            stamps = tuple(reading.outcome_stamps(user_id, since_day).items())
            return stamps, reading.learned_last_ms(user_id)


def records(kind: Kind, user_id: str, period: Period, store: Store) -> Iterator[object]:
    match kind:
        case "decisions":
            return all_of(lambda r, cursor: r.decisions_in_order(user_id, period, cursor, RECORDS_AT_ONCE), store)
        case "outcomes":
            return all_of(lambda r, cursor: r.outcomes_in_order(user_id, period, cursor, RECORDS_AT_ONCE), store)
        case "adaptations":
            return all_of(lambda r, cursor: r.adaptations_in_order(user_id, period, cursor, RECORDS_AT_ONCE), store)
        case "performance":
            return days(user_id, period, store)


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
