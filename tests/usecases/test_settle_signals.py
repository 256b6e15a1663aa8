"""What nobody reported is settled by candles: once per episode, and only until the bot reports it after all."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_service.adapters.rollups.local import LocalRollups
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.retention import SqlRetention
from ml_service.adapters.store.schema import MARKET, upgrade
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.lessons import lesson_of
from ml_service.domain.market.candles import Candles, Stream, candles_of
from ml_service.domain.market.intervals import INTERVALS
from ml_service.domain.market.settlement import Costs
from ml_service.domain.outcomes import DAY_MS, Outcome, StoredOutcome
from ml_service.domain.performance.rejected import rejected_value
from ml_service.domain.performance.tally import Cut
from ml_service.domain.types import Action, Decision, Signal
from ml_service.ports import Period
from ml_service.settings.model import Settings
from ml_service.usecases import settle_signals as module
from ml_service.usecases.adapt import adapt
from ml_service.usecases.history import histories
from ml_service.usecases.prune import Ages, prune
from ml_service.usecases.release_outcome import release_outcome
from ml_service.usecases.settle_signals import PATIENCE_MS, Done, Rules, make_way, settle_signals
from ml_service.web.wire import TRADE_FORM
from tests.builders import NOW_MS, decision, drawn, outcome, rejected, taken
from tests.usecases.trading import RULES, evening, trade

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
BEGIN_MS = NOW_MS - NOW_MS % DAY_MS
SIGNAL_MS = BEGIN_MS + 20_000
REFUSED_DUE_MS = SIGNAL_MS + 12 * HOUR_MS + 10 * MINUTE_MS
SILENT_DUE_MS = SIGNAL_MS + 36 * HOUR_MS
BTC = Stream("binance", "BTCUSDT", "1m")


class Noted(SqlMarket):
    """The market's store, with a note of what was read."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.read: list[Stream] = []

    def candles(
        self, stream: Stream, since_ms: int | None = None, until_ms: int | None = None, rows_at_once: int = 1_000
    ) -> Iterator[Candles]:
        self.read.append(stream)
        return super().candles(stream, since_ms, until_ms, rows_at_once)

    def add(self, stream: Stream, candles: Candles) -> None:
        with self.taking(stream, candles) as taking:
            taking.add(candles)


def rising(stream: Stream = BTC, days: float = 3, begin_ms: int = BEGIN_MS, per_hour: float = 1.0) -> Candles:
    """From 100 at `begin_ms`, so much an hour."""
    length_ms = INTERVALS[stream.interval]
    moments = np.arange(begin_ms, begin_ms + round(days * DAY_MS), length_ms)
    opens = 100.0 + per_hour * (moments - BEGIN_MS) / HOUR_MS
    closes = opens + per_hour * length_ms / HOUR_MS
    low, high = np.minimum(opens, closes), np.maximum(opens, closes)
    return candles_of(moments, opens, high, low, closes, np.ones(moments.size))


@dataclass
class Desk:
    database: Database
    store: SqlStore
    market: Noted
    rules: Rules = field(default_factory=Rules)

    def show(self, *streams: Stream, **how: Any) -> None:
        for stream in streams or (BTC,):
            self.market.add(stream, rising(stream, **how))

    def decide(self, *decisions: Decision) -> None:
        DirectRecorder(self.database).record(decisions, 0)

    def report(self, *outcomes: Outcome, at_ms: int = SILENT_DUE_MS) -> None:
        """As the worker hears of them."""
        for receipt in DirectRecorder(self.database).keep(outcomes, at_ms):
            told = receipt.stored.outcome
            make_way(told.user_id, told.trade_id, rules=self.rules, store=self.store)

    def settle(self, now_ms: int = SILENT_DUE_MS, **how: Any) -> Done:
        recorder = DirectRecorder(self.database)
        return settle_signals(
            rules=self.rules, market=self.market, store=self.store, recorder=recorder, now_ms=now_ms, **how
        )

    def stored(self, user_id: str = "ada") -> dict[str, StoredOutcome]:
        with self.store.read() as reading:
            found = reading.outcomes(user_id, Period(), None, 500).items
        return {one.outcome.trade_id: one for one in found}

    def counting(self) -> set[str]:
        return {name for name, one in self.stored().items() if one.superseded_by is None}


@pytest.fixture(scope="module")
def no_candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("market") / "market.db"
    upgrade(f"sqlite:///{path}", line=MARKET)
    return path


@pytest.fixture
def bare(embedded: Database, store: SqlStore, no_candles: Path, tmp_path: Path) -> Iterator[Desk]:
    """Without any candles yet."""
    database = Database(f"sqlite:///{shutil.copy(no_candles, tmp_path)}")
    yield Desk(embedded, store, Noted(database))
    database.close()


@pytest.fixture
def desk(bare: Desk) -> Desk:
    """Three days of a market that rises by 1 an hour."""
    bare.show()
    return bare


def refused(
    name: str, at_ms: int = SIGNAL_MS, action: Action = "BUY", user_id: str = "ada", **details: Any
) -> Decision:
    return decision(name, user_id, at_ms, Signal("BTCUSDT", action, {"confidence": 0.1}, False, details))


def test_a_refused_signal_is_marked_to_market_after_its_horizon(desk: Desk) -> None:
    desk.decide(refused("d-1", price=100.0, stop=98.0))

    assert desk.settle(REFUSED_DUE_MS - 1) == Done()
    assert desk.settle(REFUSED_DUE_MS) == Done(settled=1)

    (found,) = desk.stored().values()
    told = found.outcome
    assert (told.trade_id, told.accepted, told.source, told.side) == ("settled:d-1", False, "settlement", "BUY")
    assert (found.match, found.matched_decision_id, found.quarantined) == ("decision_id", "d-1", None)
    assert found.lesson == lesson_of(refused("d-1", price=100.0, stop=98.0))
    # In a minute after midnight; out at the end of the minute in which the twelve hours end.
    entry, exit_ = 100.0 + 1 / 60, 112.0 + 1 / 60
    assert told.entry_price == pytest.approx(entry)
    assert told.exit_price == pytest.approx(exit_)
    assert (told.opened_at_ms, told.closed_at_ms) == (BEGIN_MS + MINUTE_MS, BEGIN_MS + 12 * HOUR_MS + MINUTE_MS)
    percent = 100 * (exit_ - entry) / entry - 0.06 * (entry + exit_) / entry
    assert told.pnl_percent == pytest.approx(percent)
    # The haircut is taken off where it is learned from, not here.
    assert found.r(None) == pytest.approx(percent / 2.0)
    assert told.ignored["settled_by"] == "horizon"
    assert told.ignored["candles"] == "binance BTCUSDT 1m"


def test_a_sell_wins_where_the_market_falls_and_a_stop_that_makes_no_sense_is_told(bare: Desk) -> None:
    desk = bare
    desk.show(per_hour=-1.0)
    desk.decide(refused("d-1", action="SELL", price=100.0, target=97.0, stop=90.0))

    desk.settle(REFUSED_DUE_MS)

    (found,) = desk.stored().values()
    assert (found.outcome.exit_price, found.outcome.ignored["settled_by"]) == (97.0, "target")
    assert found.outcome.ignored["not_followed"] == ["stop: expected above 100 for a SELL, found 90"]
    assert found.outcome.pnl_percent == pytest.approx(3.0, abs=0.2)


def test_it_is_settled_once_however_often_and_by_however_many(desk: Desk) -> None:
    desk.decide(refused("d-1"), refused("d-2", action="SELL"), refused("d-3", user_id="bob"))

    assert [desk.settle().settled for _ in range(3)] == [3, 0, 0]
    before = desk.stored()
    forget(desk)

    # As after a kill between the outcomes and the note of how far one had come, or by a second worker.
    assert desk.settle().settled == 0
    assert desk.stored() == before
    assert len(before) == 2


def forget(desk: Desk) -> None:
    with desk.store.begin() as tx:
        for user_id in ("ada", "bob"):
            tx.save_cursor(f"settle_signals:{user_id}", '{"after": [0, ""], "episodes": []}')


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_two_workers_at_once_settle_each_episode_once(desk: Desk, kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "postgres":
        database = Database(request.getfixturevalue("postgres_url"))
        desk = Desk(database, SqlStore(database), desk.market)
    desk.decide(*(refused(f"d-{n}", user_id=f"user-{n}") for n in range(30)))

    with ThreadPoolExecutor(4) as pool:
        rounds = [pool.submit(desk.settle) for _ in range(4)]
    counts = [one.result().settled for one in rounds]

    assert sum(counts) == 30
    assert all(set(desk.stored(f"user-{n}")) == {f"settled:d-{n}"} for n in range(30))
    desk.report(outcome("own", "user-7", decision_id="d-7"))
    assert desk.stored("user-7")["settled:d-7"].superseded_by == "own"
    desk.database.close()


def test_after_a_stop_halfway_the_rest_is_settled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OUTCOMES_AT_ONCE", 2)
    desk.decide(*(refused(f"d-{n}", user_id=f"user-{n}") for n in range(5)))
    allowed = iter([True, True, False])

    first = desk.settle(may_go_on=lambda: next(allowed))
    second = desk.settle()

    assert (first.settled, second.settled) == (2, 3)


def test_asked_again_and_again_a_signal_is_settled_once(desk: Desk) -> None:
    desk.decide(*(refused(f"d-{n:04}", SIGNAL_MS + n * 45_000) for n in range(1000)))

    for minute in range(0, 40 * 60, 30):
        desk.settle(SIGNAL_MS + minute * MINUTE_MS)

    # Twelve and a half hours of asking; the 960th comes when the horizon of the first is over.
    assert set(desk.stored()) == {"settled:d-0000", "settled:d-0960"}


def test_what_was_taken_leaves_the_bot_a_day_to_report(desk: Desk) -> None:
    desk.decide(refused("d-1"), taken("d-2", SIGNAL_MS + MINUTE_MS), taken("d-3", SIGNAL_MS + 2 * MINUTE_MS))

    assert desk.settle(SILENT_DUE_MS) == Done()
    assert desk.settle(SILENT_DUE_MS + MINUTE_MS) == Done(settled=1)

    (found,) = desk.stored().values()
    assert (found.outcome.trade_id, found.outcome.accepted) == ("settled:d-2", False)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("decided", ["d-1", "d-2"])
def test_what_the_bot_reported_is_left_alone(desk: Desk, decided: str, accepted: bool) -> None:
    desk.decide(refused("d-1"), taken("d-2", SIGNAL_MS + MINUTE_MS))
    desk.report(outcome("own", decision_id=decided, accepted=accepted))

    assert desk.settle(SILENT_DUE_MS + DAY_MS) == Done(told=1)
    assert set(desk.stored()) == {"own"}


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("decided", ["d-1", "d-2", "d-3"])
def test_a_report_that_comes_later_takes_its_place(desk: Desk, decided: str, accepted: bool) -> None:
    desk.decide(refused("d-1"), taken("d-2", SIGNAL_MS + MINUTE_MS), taken("d-3", SIGNAL_MS + 2 * MINUTE_MS))
    desk.settle(SILENT_DUE_MS + MINUTE_MS)
    assert desk.counting() == {"settled:d-2"}

    desk.report(outcome("own", decision_id=decided, accepted=accepted))

    assert desk.counting() == {"own"}
    assert desk.stored()["settled:d-2"].superseded_by == "own"
    assert desk.settle(SILENT_DUE_MS + DAY_MS) == Done()


def test_a_report_in_doubt_or_of_another_episode_takes_nobody_s_place(desk: Desk) -> None:
    desk.decide(refused("d-1"), taken("d-2", SIGNAL_MS + 13 * HOUR_MS))
    desk.settle(REFUSED_DUE_MS)

    desk.report(outcome("odd", decision_id="d-1", pnl_percent=5000.0), outcome("other", decision_id="d-2"))

    assert desk.stored()["settled:d-1"].superseded_by is None


def test_a_report_that_was_released_takes_its_place_too(desk: Desk) -> None:
    desk.decide(taken("d-1", SIGNAL_MS), taken("d-2", SIGNAL_MS + MINUTE_MS))
    desk.settle(SILENT_DUE_MS)
    desk.report(outcome("odd", decision_id="d-2", pnl_percent=5000.0))

    release_outcome("ada", "odd", actor="ada", reason="it was", now_ms=SILENT_DUE_MS, store=desk.store)

    assert make_way("ada", "odd", rules=desk.rules, store=desk.store)
    assert desk.stored()["settled:d-1"].superseded_by == "odd"


@pytest.mark.parametrize("quiet", [rejected("d-1", SIGNAL_MS, symbol="*"), drawn(1.0, "d-1", at_ms=SIGNAL_MS)])
def test_what_was_explored_waits_for_its_report_and_what_has_no_symbol_has_no_candles(
    desk: Desk, quiet: Decision
) -> None:
    desk.decide(quiet)

    assert desk.settle(REFUSED_DUE_MS) == Done()


def test_what_is_learned_of_the_settled_is_taken_back_when_the_bot_reports_after_all(desk: Desk) -> None:
    """Observed once: the report comes with what it replaces, by the numbers that were learned from."""
    trade(desk.database, range(-10, 0))
    desk.decide(taken("late", SIGNAL_MS + DAY_MS))
    assert desk.settle(SILENT_DUE_MS + DAY_MS).settled == 1

    def learn(day: int) -> None:
        adapt("ada", "BTCUSDT", rules=RULES, actor="w", now_ms=evening(day), store=desk.store, entropy=os.urandom)

    learn(3)
    desk.report(outcome("own", decision_id="late", pnl=-5.0, pnl_percent=-0.5, risk=10.0), at_ms=evening(3))

    with desk.store.read() as reading:
        (waiting,) = reading.waiting("ada", "BTCUSDT")
    settled = desk.stored()["settled:late"]
    assert (waiting.superseded, waiting.taught.accepted, waiting.taught.pnl) == (False, True, -5.0)
    assert waiting.instead_of is not None
    assert waiting.instead_of.accepted is False
    assert waiting.instead_of.pnl_percent == settled.outcome.pnl_percent
    assert waiting.instead_of.lesson == settled.lesson
    assert waiting.percent_per_r is not None
    learn(4)
    with desk.store.read() as reading:
        assert reading.waiting("ada", "BTCUSDT") == []


def test_analytics_tell_the_value_of_what_was_rejected(desk: Desk, tmp_path: Path) -> None:
    days = range(3)
    desk.show(days=5)
    desk.decide(*(refused(f"d-{day}", SIGNAL_MS + day * DAY_MS, price=100.0, stop=99.0) for day in days))
    desk.settle(SIGNAL_MS + 4 * DAY_MS)

    cut = Cut()
    found = histories("ada", [cut], None, store=desk.store, rollups=LocalRollups(tmp_path))[cut]
    (history,) = found.values()
    value = rejected_value(history.rejected)

    results = [one.r(None) for one in desk.stored().values()]
    assert (value.count, value.known) == (3, 3)
    assert value.sum_r is not None
    assert value.sum_r.value == pytest.approx(sum(one for one in results if one is not None))
    assert value.sum_r.value > 20.0


# Candles


def test_the_finest_candles_that_reach_far_enough_are_asked(bare: Desk) -> None:
    desk, quarters = bare, BTC._replace(interval="15m")
    desk.show(BTC._replace(interval="1h"), quarters)
    desk.show(BTC, days=0.4)
    desk.decide(refused("d-1"))

    desk.settle(SIGNAL_MS + 13 * HOUR_MS)

    assert desk.stored()["settled:d-1"].outcome.ignored["candles"] == "binance BTCUSDT 15m"
    assert desk.market.read == [quarters]


def test_the_venue_that_is_set_is_asked_although_another_is_finer(desk: Desk) -> None:
    kraken = Stream("kraken", "BTCUSDT", "5m")
    desk.show(kraken)
    desk.rules = replace(desk.rules, venue="kraken")
    desk.decide(refused("d-1"))

    desk.settle()

    assert desk.stored()["settled:d-1"].outcome.ignored["candles"] == "kraken BTCUSDT 5m"


def test_where_the_finest_have_a_gap_the_coarser_are_asked(bare: Desk) -> None:
    desk = bare
    desk.show(BTC._replace(interval="1h"))
    whole = rising()
    desk.market.add(BTC, whole[whole.opened_at_ms != BEGIN_MS + MINUTE_MS])
    desk.decide(refused("d-1"))

    desk.settle(SIGNAL_MS + 13 * HOUR_MS)

    assert desk.stored()["settled:d-1"].outcome.ignored["candles"] == "binance BTCUSDT 1h"


def test_a_hole_in_the_candles_is_waited_for_until_it_is_filled(bare: Desk) -> None:
    desk, whole = bare, rising()
    hole = (whole.opened_at_ms > BEGIN_MS) & (whole.opened_at_ms <= BEGIN_MS + 5 * MINUTE_MS)
    desk.market.add(BTC, whole[~hole])
    desk.decide(refused("d-1"), refused("d-2", action="SELL"))

    assert desk.settle() == Done()
    desk.market.add(BTC, whole[hole])
    assert desk.settle() == Done(settled=2)
    assert desk.stored()["settled:d-1"].outcome.opened_at_ms == BEGIN_MS + MINUTE_MS


def test_while_they_wait_candles_are_read_again_only_when_some_were_added(bare: Desk) -> None:
    desk, whole = bare, rising()
    hole = whole.opened_at_ms == BEGIN_MS + MINUTE_MS
    early = whole.opened_at_ms < BEGIN_MS + 2 * DAY_MS
    desk.market.add(BTC, whole[~hole & early])
    desk.decide(refused("d-1"))

    for minute in range(5):
        assert desk.settle(SIGNAL_MS + 13 * HOUR_MS + minute * MINUTE_MS) == Done()
    desk.market.add(BTC, whole[~early])
    assert desk.settle() == Done()
    assert desk.market.read == [BTC]

    # Another stream, that does not know either, and then one that does.
    desk.show(BTC._replace(venue="kraken"), begin_ms=BEGIN_MS - DAY_MS, days=0.5)
    kraken = rising(BTC._replace(venue="kraken"))
    desk.market.add(BTC._replace(venue="kraken"), kraken[~hole])
    assert desk.settle() == Done()
    assert desk.settle() == Done()
    assert desk.market.read[1:] == [BTC, BTC._replace(venue="kraken")]
    desk.market.add(BTC, whole[hole])
    assert desk.settle() == Done(settled=1)


def test_a_hole_that_nobody_fills_is_given_up_after_a_week_with_the_reason(bare: Desk) -> None:
    desk, whole = bare, rising()
    desk.market.add(BTC, whole[whole.opened_at_ms != BEGIN_MS + MINUTE_MS])
    desk.decide(refused("d-1"))
    last_ms = SIGNAL_MS + 12 * HOUR_MS + 7 * DAY_MS

    assert desk.settle() == Done()
    assert desk.settle(last_ms) == Done()
    assert desk.settle(last_ms + 1).given_up == {"gap_over_entry": 1}
    assert desk.settle(last_ms + 2) == Done()
    assert desk.stored() == {}


def test_a_report_ends_the_waiting_too(bare: Desk) -> None:
    desk, whole = bare, rising()
    hole = whole.opened_at_ms == BEGIN_MS + MINUTE_MS
    desk.market.add(BTC, whole[~hole])
    desk.decide(refused("d-1"))
    desk.settle()
    desk.report(outcome("own", decision_id="d-1", accepted=False))

    desk.market.add(BTC, whole[hole])

    assert desk.settle() == Done(told=1)
    assert set(desk.stored()) == {"own"}


def test_while_one_waits_the_next_episode_of_its_symbol_is_settled(bare: Desk) -> None:
    desk, whole = bare, rising()
    desk.market.add(BTC, whole[whole.opened_at_ms != BEGIN_MS + MINUTE_MS])
    desk.decide(refused("d-1"), refused("d-2", SIGNAL_MS + 13 * HOUR_MS))
    desk.settle(REFUSED_DUE_MS)
    desk.decide(refused("d-3", SIGNAL_MS + 14 * HOUR_MS))

    assert desk.settle() == Done(settled=1)
    assert set(desk.stored()) == {"settled:d-2"}


def test_candles_of_another_price_settle_nothing(desk: Desk) -> None:
    """The signal saw 40,000 where the candles of that name stand at 100: it is another instrument."""
    desk.decide(refused("d-1", price=40_000.0, stop=39_000.0))

    assert desk.settle().given_up == {"another_price": 1}
    assert desk.stored() == {}


def test_where_one_venue_has_another_price_the_next_is_asked(desk: Desk) -> None:
    hours = Stream("kraken", "BTCUSDT", "1h")
    thousands = rising(hours)
    prices = {name: 400.0 * getattr(thousands, name) for name in ("open", "high", "low", "close")}
    desk.market.add(hours, replace(thousands, **prices))
    desk.decide(refused("d-1", price=40_000.0, stop=39_000.0))

    assert desk.settle().settled == 1
    assert desk.stored()["settled:d-1"].outcome.ignored["candles"] == "kraken BTCUSDT 1h"
    assert "not_followed" not in desk.stored()["settled:d-1"].outcome.ignored


def test_where_a_venue_is_set_no_other_settles(desk: Desk) -> None:
    desk.rules = replace(desk.rules, venue="kraken")
    desk.decide(refused("d-1"))

    assert desk.settle() == Done()
    assert desk.settle(SIGNAL_MS + 8 * DAY_MS).given_up == {"no_candles": 1}
    assert desk.stored() == {}


def test_candles_that_come_late_are_waited_for_a_week(bare: Desk) -> None:
    desk = bare
    desk.show(days=0.3)
    desk.decide(refused("d-1"), rejected("d-2", SIGNAL_MS, symbol="ETHUSDT"))

    assert desk.settle(SIGNAL_MS + 3 * DAY_MS) == Done()
    desk.show()
    assert desk.settle(SIGNAL_MS + 3 * DAY_MS) == Done(settled=1)
    assert desk.settle(SIGNAL_MS + 8 * DAY_MS).given_up == {"no_candles": 1}
    assert desk.settle(SIGNAL_MS + 8 * DAY_MS) == Done()


def test_of_too_many_that_wait_the_oldest_are_given_up_and_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 3)
    desk.decide(*(rejected(f"d-{n}", SIGNAL_MS + n * MINUTE_MS, symbol=f"COIN{n}") for n in range(5)))

    assert desk.settle(SIGNAL_MS + HOUR_MS).given_up == {"too_many": 2}
    assert desk.settle(SIGNAL_MS + 8 * DAY_MS).given_up == {"no_candles": 3}


def test_what_has_a_hole_in_its_candles_makes_way_for_what_has_not(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    desk, whole = bare, rising()
    desk.market.add(BTC, whole[whole.opened_at_ms != BEGIN_MS + HOUR_MS])
    desk.decide(
        rejected("other", SIGNAL_MS, symbol="ETHUSDT"), refused("hole", BEGIN_MS + HOUR_MS - 1, horizon_minutes=60)
    )
    desk.settle(SIGNAL_MS + 3 * HOUR_MS)

    desk.decide(refused("third", SIGNAL_MS + 3 * HOUR_MS))

    assert desk.settle(SIGNAL_MS + 16 * HOUR_MS) == Done(settled=1, given_up=Counter(too_many=1))
    assert set(desk.stored()) == {"settled:third"}
    desk.show(BTC._replace(symbol="ETHUSDT"))
    assert desk.settle(SIGNAL_MS + 16 * HOUR_MS).settled == 1


def test_what_was_tried_before_is_tried_again_after_what_never_was(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EPISODES_MAX", 1)
    desk, whole = bare, rising()
    desk.market.add(BTC, whole[whole.opened_at_ms != BEGIN_MS + HOUR_MS])
    desk.decide(refused("hole", BEGIN_MS + HOUR_MS - 1, horizon_minutes=60), refused("later", BEGIN_MS + 3 * HOUR_MS))
    assert desk.settle(SIGNAL_MS + 3 * HOUR_MS) == Done()

    desk.market.add(BTC, rising(days=1, begin_ms=BEGIN_MS - DAY_MS))

    assert desk.settle().settled == 1
    assert set(desk.stored()) == {"settled:later"}


def test_candles_of_a_symbol_are_read_once_for_all(desk: Desk) -> None:
    ether = Stream("binance", "ETHUSDT", "1m")
    desk.show(ether)
    desk.decide(*(refused(f"d-{n}", SIGNAL_MS + n * MINUTE_MS, user_id=f"user-{n}") for n in range(60)))
    desk.decide(rejected("e", SIGNAL_MS, symbol="ETHUSDT"))

    assert desk.settle().settled == 61
    assert sorted(desk.market.read) == [BTC, ether]


def test_without_any_candles_nothing_is_read_or_noted(bare: Desk) -> None:
    bare.decide(refused("d-1"))

    assert bare.settle() == Done()
    with bare.store.read() as reading:
        assert reading.cursor("settle_signals:ada") is None


# Names


@pytest.mark.parametrize("length", [120, 121, 128])
def test_its_name_fits_where_trades_are_named_however_long_its_decision_s_is(desk: Desk, length: int) -> None:
    long, other = "d" * length, "d" * (length - 1) + "e"
    desk.decide(refused(long), refused(other, action="SELL"))

    assert desk.settle() == Done(settled=2)
    forget(desk)
    assert desk.settle().settled == 0

    before = desk.stored()
    assert len(before) == 2
    assert all(TRADE_FORM.fullmatch(name) for name in before)
    assert all(name.startswith("settled:") for name in before)
    assert (f"settled:{long}" in before) is (length == 120)
    desk.report(outcome("own", decision_id=long))
    (gone,) = (one for one in desk.stored().values() if one.superseded_by == "own")
    assert gone.matched_decision_id == long


# What teaches


@pytest.mark.parametrize(("action", "multiple"), [("BUY", 118), ("SELL", -2.2)])
def test_a_winner_with_a_tight_stop_teaches_like_a_loser_with_one(desk: Desk, action: Action, multiple: float) -> None:
    """Kept apart, the winners would be missing among what is learned from, and the losers not."""
    stop = 99.9 if action == "BUY" else 100.1
    desk.decide(refused("d-1", action=action, price=100.0, stop=stop))

    desk.settle(REFUSED_DUE_MS)

    (found,) = desk.stored().values()
    assert found.quarantined is None
    assert found.r(None) == pytest.approx(multiple, abs=1.0)


def test_a_settled_result_beyond_belief_is_doubted_all_the_same(bare: Desk) -> None:
    bare.show(per_hour=10.0)
    bare.decide(refused("d-1", price=100.0, stop=99.9))

    bare.settle(REFUSED_DUE_MS)

    (found,) = bare.stored().values()
    assert found.quarantined == "pnl_percent_implausible"


# Decisions


def test_what_a_journal_kept_while_the_database_was_away_is_found(desk: Desk) -> None:
    """Nobody decides past it meanwhile, so it lies before everything that comes later."""
    desk.decide(refused("d-1"))
    desk.settle(SIGNAL_MS + HOUR_MS)
    desk.settle(SIGNAL_MS + 16 * HOUR_MS)

    desk.decide(refused("d-2", SIGNAL_MS + 13 * HOUR_MS), refused("d-3", SIGNAL_MS + 15 * HOUR_MS, action="SELL"))
    desk.settle(SIGNAL_MS + 28 * HOUR_MS)

    assert set(desk.stored()) == {"settled:d-1", "settled:d-2", "settled:d-3"}


@pytest.mark.parametrize("days", [30, 1])
def test_a_waiting_episode_keeps_its_decision(bare: Desk, days: int) -> None:
    """Thinning keeps the first decision of each horizon on a grid; an episode may begin with any other."""
    desk, settings = bare, Settings()
    ages = Ages(**settings.retention.model_dump(), horizon_minutes=settings.settlement.horizon_minutes)
    ages = replace(ages, decisions_days=days)
    desk.show(days=0.1)
    grid = [refused(f"d-{hour}", SIGNAL_MS + hour * HOUR_MS, horizon_minutes=120) for hour in range(4)]
    late = taken("d-5", SIGNAL_MS + 5 * HOUR_MS)
    last_ms = SIGNAL_MS + 5 * HOUR_MS + 12 * HOUR_MS + 24 * HOUR_MS + PATIENCE_MS
    desk.decide(*grid, late, refused("d-99", last_ms))
    desk.settle(SIGNAL_MS + DAY_MS)

    prune(ages, retention=SqlRetention(desk.database), now_ms=last_ms)
    desk.show()

    assert desk.settle(last_ms).given_up == {}
    assert set(desk.stored()) == {"settled:d-0", "settled:d-2", "settled:d-5"}


# Rounds


def test_everybody_has_a_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "USERS_AT_ONCE", 2)
    monkeypatch.setattr(module, "EPISODES_MAX", 3)
    desk.decide(*(refused(f"d-{n}", user_id=f"user-{n}") for n in range(5)))

    rounds = [desk.settle().settled for _ in range(4)]

    # Two users at a time until three are due; what was due beyond that comes with its user's next turn.
    assert sum(rounds) == 5
    assert max(rounds) <= 3


def test_a_long_history_is_read_in_parts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    desk.show(days=5)
    desk.decide(*(refused(f"d-{n:02}", SIGNAL_MS + n * 2 * HOUR_MS) for n in range(30)))

    counts = [desk.settle(SIGNAL_MS + 4 * DAY_MS).settled for _ in range(7)]

    # Six decisions to an episode; one is settled only when all of it has been read.
    assert counts == [1, 1, 1, 1, 1, 0, 0]
    assert set(desk.stored()) == {f"settled:d-{n:02}" for n in range(0, 30, 6)}


def test_a_round_that_has_read_much_leaves_the_others_to_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "USERS_AT_ONCE", 1)
    monkeypatch.setattr(module, "ROWS_MAX", 4)
    desk.decide(*(refused(f"d-{n}", SIGNAL_MS + n, user_id=f"user-{u}") for u in range(4) for n in range(3)))

    assert [desk.settle().settled for _ in range(3)] == [2, 2, 0]


def test_it_stops_when_the_worker_does(desk: Desk) -> None:
    desk.decide(refused("d-1"))

    assert desk.settle(may_go_on=lambda: False) == Done()


def test_costs_and_horizon_are_settings(desk: Desk) -> None:
    desk.rules = Rules(horizon_minutes=60, costs=Costs(0.0, 0.0))
    desk.decide(refused("d-1"), refused("d-2", action="SELL", horizon_minutes=120))

    desk.settle(SIGNAL_MS + 3 * HOUR_MS)

    found = {name: one.outcome for name, one in desk.stored().items()}
    assert found["settled:d-1"].closed_at_ms == BEGIN_MS + HOUR_MS + MINUTE_MS
    assert found["settled:d-2"].closed_at_ms == BEGIN_MS + 2 * HOUR_MS + MINUTE_MS
    assert found["settled:d-1"].pnl_percent == pytest.approx(100 / (100 + 1 / 60))
