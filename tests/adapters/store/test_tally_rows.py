"""Outcomes as performance reads them: in order, each once, with all that a tally needs."""

import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store import tally_rows
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.types import Forecast
from ml_service.ports import Period
from tests.adapters.store.rows import report, write
from tests.builders import NOW_MS, outcome, taken

TODAY = NOW_MS // DAY_MS


def change(database: Database, trade_id: str, **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(t.outcomes).where(t.outcomes.c.trade_id == trade_id).values(**values))


def test_days_come_in_order_from_the_first_one_asked_for(database: Database, store: SqlStore) -> None:
    for back in (2, 0, 5):
        report(database, outcome(f"t-{back}", closed_at_ms=NOW_MS - back * DAY_MS))

    with store.read() as reading:
        assert list(reading.outcome_stamps("ada", None)) == [TODAY - 5, TODAY - 2, TODAY]
        assert list(reading.outcome_stamps("ada", TODAY - 2)) == [TODAY - 2, TODAY]
        assert reading.outcome_stamps("bob", None) == {}


def test_rows_come_in_order_each_once_however_many_share_a_moment(
    database: Database, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally_rows, "ROWS_AT_ONCE", 2)
    for number in range(5):
        report(database, outcome(f"t-{number}", pnl=float(number), closed_at_ms=NOW_MS))
    report(database, outcome("early", pnl=-1.0, closed_at_ms=NOW_MS - 1), outcome("late", closed_at_ms=NOW_MS + 1))
    report(database, outcome("foreign", user_id="bob", closed_at_ms=NOW_MS))

    with store.read() as reading:
        found = list(reading.counted("ada", NOW_MS - 1, NOW_MS + 1))

    assert [one.trade.pnl for one in found] == [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(("called", "regime"), [("volatile", "volatile"), ("ranging", "sideways"), (None, None)])
def test_a_row_brings_what_it_was_decided_under(
    database: Database, store: SqlStore, called: str | None, regime: str | None
) -> None:
    write(database, taken("d-1", at_ms=NOW_MS - 5)._replace(forecast=Forecast(0.9, "m", "1", regime=called)))
    report(database, outcome("t-1", decision_id="d-1", accepted=False, pnl=6.0, risk=3.0, closed_at_ms=NOW_MS))

    with store.read() as reading:
        (found,) = reading.counted("ada", NOW_MS, NOW_MS + 1)

    assert (found.trade.thresholds_symbol, found.trade.revision, found.trade.r) == ("*", 0, 2.0)
    assert found.trade.regime == regime
    assert (found.accepted, found.superseded) == (False, False)


def test_without_risk_r_is_by_the_percent_that_it_was_learned_with(database: Database, store: SqlStore) -> None:
    report(database, outcome("t-1", pnl=6.0, pnl_percent=3.0, closed_at_ms=NOW_MS))
    with store.read() as reading:
        (before,) = reading.counted("ada", NOW_MS, NOW_MS + 1)

    change(database, "t-1", percent_per_r=1.5)

    with store.read() as reading:
        (after,) = reading.counted("ada", NOW_MS, NOW_MS + 1)
    assert (before.trade.r, after.trade.r) == (None, 2.0)


def test_a_row_says_whether_another_counts_in_its_place_and_whether_it_is_believed(
    database: Database, store: SqlStore
) -> None:
    report(database, outcome("t-1", closed_at_ms=NOW_MS), outcome("t-2", pnl_percent=500.0, closed_at_ms=NOW_MS + 1))
    change(database, "t-1", superseded_by="t-9")
    with store.read() as reading:
        replaced, doubtful = reading.counted("ada", NOW_MS, NOW_MS + 2)

    change(database, "t-2", released_at_ms=NOW_MS)

    with store.read() as reading:
        (released,) = reading.counted("ada", NOW_MS + 1, NOW_MS + 2)
    assert (replaced.superseded, doubtful.superseded) == (True, False)
    assert (doubtful.trade.quarantined, released.trade.quarantined) == (True, False)


def test_every_user_with_outcomes_is_named(database: Database, store: SqlStore) -> None:
    for user_id in ("eve", "ada", "bob"):
        report(database, outcome("t-1", user_id=user_id), outcome("t-2", user_id=user_id, closed_at_ms=0))

    with store.read() as reading:
        assert list(reading.users_with_outcomes()) == ["ada", "bob", "eve"]


def test_the_latest_trades_are_those_that_count(database: Database, store: SqlStore) -> None:
    for number in range(5):
        report(database, outcome(f"t-{number}", pnl=float(number), closed_at_ms=NOW_MS + number))
    report(
        database,
        outcome("rejected", pnl=90.0, accepted=False, closed_at_ms=NOW_MS + 9),
        outcome("other", pnl=91.0, symbol="ETHUSDT", closed_at_ms=NOW_MS + 9),
    )
    change(database, "t-3", superseded_by="t-9")

    def latest(limit: int, **period: object) -> list[float | None]:
        with store.read() as reading:
            return [one.pnl for one in reading.latest_trades("ada", Period(**period), limit)]  # type: ignore[arg-type]

    assert latest(2, symbol="BTCUSDT") == [2.0, 4.0]
    assert latest(9, symbol="BTCUSDT", since_ms=NOW_MS + 1, until_ms=NOW_MS + 4) == [1.0, 2.0]
    assert latest(2) == [4.0, 91.0]
