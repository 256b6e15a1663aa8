"""A history told from roll-ups is the one that all its rows tell, whatever happened to them."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from ml_service.adapters.rollups.local import LocalRollups
from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import lesson_document
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.outcome_days import note_changed
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.retention import SqlRetention
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.lessons import Lesson
from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.tally import Cut, Group, History, Tallies, Tally, sheet_of
from ml_service.ports import Period, RolledDay, RolledSheet
from ml_service.usecases import history
from ml_service.usecases.history import check, histories, rebuild
from tests.builders import NOW_MS, outcome
from tests.migrated import migrated

TODAY = NOW_MS // DAY_MS
CUTS = tuple(Cut(symbol, by) for symbol in (None, "BTCUSDT") for by in (None, "symbol", "hour", "revision", "regime"))[
    :-3
]


class Nothing:
    """Roll-ups that keep nothing: everything is told from the rows."""

    def days(self, user_id: str, cut: Cut, since_day: int | None) -> Mapping[int, RolledDay]:
        return {}

    def sheet(self, user_id: str, day: int) -> RolledSheet | None:
        return None

    def keep(self, user_id: str, sheets: Mapping[int, RolledSheet]) -> None: ...
    def forget(self, user_id: str) -> None: ...


class Desk:
    def __init__(self, folder: Path) -> None:
        self.database = Database(migrated(f"sqlite:///{folder / 'store.db'}"))
        self.store = SqlStore(self.database)
        self.rollups = LocalRollups(folder)
        self.users = 0

    def report(self, user_id: str, *trades: dict[str, Any], at_ms: int = NOW_MS) -> None:
        DirectRecorder(self.database).keep([outcome(user_id=user_id, **trade) for trade in trades], at_ms)

    def change(self, user_id: str, place: int, **values: object) -> None:
        """What a release and a lesson do to a row that was stored before."""
        o = t.outcomes.c
        with self.database.write() as connection:
            rows = connection.execute(select(o.id, o.effective_at_ms).where(o.user_id == user_id).order_by(o.id)).all()
            if not rows:
                return
            row = rows[place % len(rows)]
            connection.execute(update(t.outcomes).where(o.id == row.id).values(**values))
            note_changed(connection, user_id, row.effective_at_ms)

    def correct(self, user_id: str, place: int, trade_id: str) -> None:
        """As a bot does it; refused where the trade has a correction already."""
        with self.store.read() as reading:
            stored = reading.outcomes(user_id, Period(), None, 1000).items
        if stored:
            before = stored[place % len(stored)].outcome
            fields = {"symbol": before.symbol, "accepted": before.accepted, "pnl": 7.0, "pnl_percent": 0.5}
            self.report(user_id, {"trade_id": trade_id, "corrects": before.trade_id, **fields})

    def told(self, user_id: str, since_ms: int | None = None, *cuts: Cut) -> dict[Cut, dict[Group, History]]:
        return histories(user_id, cuts or CUTS, since_ms, store=self.store, rollups=self.rollups)

    def from_rows(self, user_id: str, since_ms: int | None = None) -> dict[Cut, dict[Group, History]]:
        return histories(user_id, CUTS, since_ms, store=self.store, rollups=Nothing())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = Desk(tmp_path_factory.mktemp("history"))
    yield opened
    opened.rollups.close()
    opened.database.close()


@pytest.fixture
def user(desk: Desk) -> str:
    desk.users += 1
    return f"user-{desk.users}"


def closed(trade_id: str, days_back: float, **fields: Any) -> dict[str, Any]:
    return {"trade_id": trade_id, "closed_at_ms": NOW_MS - int(days_back * DAY_MS), **fields}


# ---- exact, whatever happens

TIMES = st.none() | st.floats(-0.5, 8).map(lambda back: NOW_MS - int(back * DAY_MS))
TRADE = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["BTCUSDT", "ETHUSDT"]),
        "accepted": st.booleans(),
        "pnl": st.none() | st.floats(-50, 50),
        # Some of them implausible.
        "pnl_percent": st.floats(-120, 120),
        "risk": st.none() | st.just(5.0),
        "closed_at_ms": TIMES,
    }
)
PLACE = st.integers(0, 99)
SINCE = st.none() | st.sampled_from([TODAY * DAY_MS, (TODAY - 3) * DAY_MS]) | TIMES
STEP = st.one_of(
    st.tuples(st.just("report"), st.lists(TRADE, min_size=1, max_size=4)),
    st.tuples(st.just("correct"), PLACE),
    st.tuples(st.just("release"), PLACE),
    st.tuples(st.just("learn"), PLACE),
    st.tuples(st.just("match"), st.tuples(PLACE, st.sampled_from([None, *REGIMES]))),
    st.tuples(st.just("prune"), st.integers(0, 9)),
    st.tuples(st.just("ask"), SINCE),
)


def take(desk: Desk, user_id: str, position: int, what: str, with_it: Any) -> None:
    match what:
        case "report":
            desk.report(user_id, *({**one, "trade_id": f"{position}-{n}"} for n, one in enumerate(with_it)))
        case "correct":
            desk.correct(user_id, with_it, f"{position}-correction")
        case "release":
            desk.change(user_id, with_it, released_at_ms=NOW_MS)
        case "learn":
            desk.change(user_id, with_it, percent_per_r=2.0)
        case "match":
            place, regime = with_it
            lesson = Lesson((0.9, None, None, None, None, None), "*", place % 3, True, regime=regime)
            desk.change(user_id, place, lesson=lesson_document(lesson))
        case "prune":
            while SqlRetention(desk.database).drop_outcomes(NOW_MS - with_it * DAY_MS, 3):
                pass
        case "ask":
            assert desk.told(user_id, with_it) == desk.from_rows(user_id, with_it)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=14))
def test_roll_ups_tell_what_the_rows_tell(desk: Desk, steps: list[tuple[str, Any]]) -> None:
    desk.users += 1
    user_id = f"user-{desk.users}"

    for position, (what, with_it) in enumerate(steps):
        take(desk, user_id, position, what, with_it)
        # So that everything is rolled up when the next change comes.
        desk.told(user_id, None, Cut())

    assert desk.told(user_id) == desk.from_rows(user_id)
    assert check(user_id, store=desk.store, rollups=desk.rollups).differences == ()


def test_several_processes_at_once_tell_no_other_story(desk: Desk, user: str) -> None:
    """Those who ask write roll-ups while others report: nobody may be told less than was acknowledged to him."""
    wrong: list[tuple[int, int]] = []

    def live(number: int) -> None:
        own = LocalRollups(desk.rollups._path.parent)
        for reported in range(1, 9):
            desk.report(user, closed(f"{number}-{reported}", reported % 3, symbol=f"S{number}"))
            told = histories(user, [Cut(f"S{number}")], None, store=desk.store, rollups=own)
            count = sum(day.summary.trades for day in told[Cut(f"S{number}")][None].taken)
            if count != reported:
                wrong.append((count, reported))
        own.close()

    threads = [threading.Thread(target=live, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert desk.told(user) == desk.from_rows(user)


# ---- cheap


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    rows: list[int] = []

    def counted(outcomes: Any) -> Any:
        rows.append(len(outcomes))
        return sheet_of(outcomes)

    monkeypatch.setattr(history, "sheet_of", counted)
    return rows


def test_only_the_day_that_changed_is_read_again(desk: Desk, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.report(user, *(closed(f"t-{back}", back) for back in range(20)))
    desk.told(user)
    rows = counting(monkeypatch)

    desk.told(user)
    assert sum(rows) == 0
    desk.report(user, closed("late", 7))
    desk.told(user)

    assert sum(rows) == 2


def test_the_day_a_window_begins_in_is_told_from_its_rows(
    desk: Desk, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.report(user, closed("before", 3), closed("after", 2.99), closed("today", 0))
    desk.told(user)
    rows = counting(monkeypatch)

    found = desk.told(user, NOW_MS - int(2.999 * DAY_MS), Cut())[Cut()][None]

    assert sum(day.summary.trades for day in found.taken) == 2
    assert sum(rows) == 1


# ---- by hand


def test_a_rebuild_tells_its_progress_and_leaves_nothing_stale(desk: Desk, user: str) -> None:
    desk.report(user, *(closed(f"t-{back}", back) for back in range(65)))
    steps: list[tuple[int, int]] = []

    done = rebuild(
        user, store=desk.store, rollups=desk.rollups, progress=lambda done, total: steps.append((done, total))
    )

    assert done == 65
    assert steps == [(30, 65), (60, 65), (65, 65)]
    found = check(user, store=desk.store, rollups=desk.rollups)
    assert (found.days, found.stale, found.differences) == (65, 0, ())


def test_a_check_names_what_differs(desk: Desk, user: str) -> None:
    desk.report(user, closed("t-1", 1), closed("t-2", 0))
    desk.told(user)
    sheet = desk.rollups.sheet(user, TODAY)
    assert sheet is not None
    wrong: dict[Cut, Tallies] = {
        **sheet.sheet,
        Cut(): {None: Tally(corrected=9)},
        Cut("XRPUSDT"): {None: Tally(corrected=1)},
    }

    desk.rollups.keep(user, {TODAY: RolledSheet(sheet.stamp, wrong)})

    found = check(user, store=desk.store, rollups=desk.rollups).differences
    assert [(one.day, one.cut, one.group) for one in found] == [
        (TODAY, Cut(), None),
        (TODAY, Cut("XRPUSDT"), None),
    ]
    assert found[0].kept == Tally(corrected=9)
    assert found[0].found is not None
    assert found[0].found.taken.trades == 1
    assert found[1].found is None


def test_a_day_that_changed_since_is_stale_and_no_difference(desk: Desk, user: str) -> None:
    desk.report(user, closed("t-1", 1), closed("t-2", 0))
    desk.told(user)

    desk.report(user, closed("t-3", 1))

    found = check(user, store=desk.store, rollups=desk.rollups)
    assert (found.days, found.stale, found.differences) == (2, 1, ())


def test_nobody_has_an_empty_history(desk: Desk) -> None:
    assert desk.told("nobody", None, Cut()) == {Cut(): {}}
    assert rebuild("nobody", store=desk.store, rollups=desk.rollups) == 0


def test_a_correction_of_today_renews_the_day_of_what_it_corrects(desk: Desk, user: str) -> None:
    desk.report(user, closed("t-1", 5))
    desk.told(user)

    desk.correct(user, 0, "c-1")

    assert desk.told(user) == desk.from_rows(user)
    assert desk.told(user)[Cut()][None].corrected == 1
