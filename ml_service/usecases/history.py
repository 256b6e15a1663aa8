"""A user's history, day by day: from the roll-ups where they still hold, else from the rows, which renews them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.tally import Cut, Group, History, Sheet, Tally, histories_of, sheet_of
from ml_service.domain.performance.trade import ClosedTrade
from ml_service.ports import Period, Reading, RolledSheet, Rollups, Store

DAYS_AT_ONCE = 30


def histories(
    user_id: str, cuts: Sequence[Cut], since_ms: int | None, *, store: Store, rollups: Rollups
) -> dict[Cut, dict[Group, History]]:
    """Each cut by groups, over all outcomes from `since_ms` on."""
    first = None if since_ms is None else -(-since_ms // DAY_MS)
    """The first whole day; the one that the window begins in is told from its rows."""
    with store.read() as reading:
        # Before anything else is read: what changes from here on has another stamp, and is told again next time.
        stamps = reading.outcome_stamps(user_id, first)
        rolled = {cut: rollups.days(user_id, cut, first) for cut in cuts}
        told = {
            cut: {day: days[day].tallies for day, stamp in stamps.items() if day in days and days[day].stamp == stamp}
            for cut, days in rolled.items()
        }
        stale = [day for day in stamps if any(day not in days for days in told.values())]
        for day, sheet in renewed(user_id, stamps, stale, reading, rollups):
            for cut, days in told.items():
                days[day] = sheet.get(cut, {})
        if since_ms is not None and first is not None and since_ms < first * DAY_MS:
            edge = sheet_of(list(reading.counted(user_id, since_ms, first * DAY_MS)))
            for cut, days in told.items():
                days[first - 1] = edge.get(cut, {})
    return {cut: histories_of(sorted(days.items(), key=number_of)) for cut, days in told.items()}


def number_of(day: tuple[int, object]) -> int:
    return day[0]


def renewed(
    user_id: str, stamps: Mapping[int, int], stale: Sequence[int], reading: Reading, rollups: Rollups
) -> Iterator[tuple[int, Sheet]]:
    for run in runs(list(stamps), set(stale)):
        sheets = dict.fromkeys(run, sheet_of(()))
        sheets.update(sheets_between(user_id, run[0], run[-1], reading))
        rollups.keep(user_id, {day: RolledSheet(stamps[day], sheet) for day, sheet in sheets.items() if day in stamps})
        yield from sheets.items()


def runs(days: Sequence[int], stale: set[int]) -> Iterator[list[int]]:
    """Stale days with no good one between them, so many at once as fit into memory."""
    for is_stale, together in groupby(days, lambda day: day in stale):
        run = list(together) if is_stale else []
        for start in range(0, len(run), DAYS_AT_ONCE):
            yield run[start : start + DAYS_AT_ONCE]


def sheets_between(user_id: str, first: int, last: int, reading: Reading) -> Iterator[tuple[int, Sheet]]:
    outcomes = reading.counted(user_id, first * DAY_MS, (last + 1) * DAY_MS)
    for day, own in groupby(outcomes, lambda one: one.trade.day):
        yield day, sheet_of(list(own))


def latest(
    user_id: str, cut: Cut, history: History, since_ms: int | None, count: int, *, store: Store
) -> list[ClosedTrade]:
    """The last trades of a history, at most `count`, in the order of time."""
    found: list[ClosedTrade] = []
    with store.read() as reading:
        if cut.symbol is None:
            return list(reading.latest_trades(user_id, Period(since_ms=since_ms), count))
        # Only the days that it was traded on: a rare symbol would have its user's whole history searched.
        for day in reversed(history.taken):
            if len(found) >= count:
                break
            begin = max(day.number * DAY_MS, since_ms if since_ms is not None else day.number * DAY_MS)
            period = Period(cut.symbol, begin, (day.number + 1) * DAY_MS)
            found = [*reading.latest_trades(user_id, period, count - len(found)), *found]
    return found


# ---- by hand


def rebuild(
    user_id: str, *, store: Store, rollups: Rollups, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """All roll-ups of a user anew; how many days that were."""
    rollups.forget(user_id)
    with store.read() as reading:
        stamps = reading.outcome_stamps(user_id, None)
    done = 0
    for run in runs(list(stamps), set(stamps)):
        # A look of its own for each: one that lasts would keep the database from tidying up.
        with store.read() as reading:
            done += sum(1 for _ in renewed(user_id, reading.outcome_stamps(user_id, run[0]), run, reading, rollups))
        progress(done, len(stamps))
    return done


@dataclass(frozen=True, slots=True)
class Difference:
    day: int
    cut: Cut
    group: Group
    kept: Tally | None
    found: Tally | None


@dataclass(frozen=True, slots=True)
class Checked:
    days: int
    stale: int
    """Not rolled up yet, or no longer good: they are told anew when somebody asks."""
    differences: tuple[Difference, ...]


def check(user_id: str, *, store: Store, rollups: Rollups) -> Checked:
    """Compare the roll-ups that count as good with the rows they were told from."""
    with store.read() as reading:
        stamps = reading.outcome_stamps(user_id, None)
        stale = 0
        differences: list[Difference] = []
        for day, stamp in stamps.items():
            rolled = rollups.sheet(user_id, day)
            if rolled is None or rolled.stamp != stamp:
                stale += 1
                continue
            sheet = dict(sheets_between(user_id, day, day, reading)).get(day, sheet_of(()))
            differences += differing(day, rolled.sheet, sheet)
    # A day that changed while it was compared differs for a good reason.
    with store.read() as reading:
        now = reading.outcome_stamps(user_id, None)
    return Checked(len(stamps), stale, tuple(one for one in differences if now.get(one.day) == stamps[one.day]))


def differing(day: int, kept: Sheet, found: Sheet) -> Iterable[Difference]:
    for cut in [*found, *(cut for cut in kept if cut not in found)]:
        before, after = kept.get(cut, {}), found.get(cut, {})
        for group in [*after, *(group for group in before if group not in after)]:
            if not same(before.get(group), after.get(group)):
                yield Difference(day, cut, group, before.get(group), after.get(group))


def same(before: Tally | None, after: Tally | None) -> bool:
    # Else as text, in which even what is not a number equals itself.
    return before == after or repr(before) == repr(after)
