"""A data set of decisions: rows by name from the market, results turned to their side, doubtful ones left out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.schema import MARKET
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.market.feature_rows import FeatureRow, naming
from ml_service.domain.outcomes import Outcome
from ml_service.domain.types import Decision, Trade
from ml_service.learning.from_decisions import Traded, from_decisions, traded
from ml_service.usecases.take_candles import LiveFeatures, take_candles
from tests.builders import NOW_MS
from tests.candles import BTC, HOUR_MS, walk
from tests.migrated import migrated
from tests.usecases.trading import decisions_and_outcomes

CANDLES = walk(700)


class Desk:
    def __init__(self, folder: Path) -> None:
        migrated(f"sqlite:///{folder / 'store.db'}")
        migrated(f"sqlite:///{folder / 'market.db'}", MARKET)
        self.database, self.other = (Database(f"sqlite:///{folder / name}.db") for name in ("store", "market"))
        self.store, self.market = SqlStore(self.database), SqlMarket(self.other)
        take_candles(BTC, CANDLES, market=self.market, store=self.store, live=LiveFeatures(), now_ms=NOW_MS)

    def row(self, place: int) -> FeatureRow:
        return self.market.rows_of(BTC, int(CANDLES.opened_at_ms[place]))[0]

    def trade(self, place: int, side: Trade, percent: float | None, **changed: Any) -> None:
        (decision, *_), (outcome, *_) = decisions_and_outcomes(range(1))
        name, row = f"{place}-{side}", self.row(place)
        at_ms = row.opened_at_ms + HOUR_MS + 1
        features = replace(naming(row, "ready"), **changed)
        signal = replace(decision.signal, action=side)
        made: Decision = decision._replace(decision_id=name, evaluated_at_ms=at_ms, signal=signal, features=features)
        ended: Outcome = replace(
            outcome,
            trade_id=name,
            decision_id=name,
            side=side,
            pnl=None,
            risk=None,
            pnl_percent=percent,
            closed_at_ms=at_ms + 3 * HOUR_MS,
            source="import",
        )
        recorder = DirectRecorder(self.database)
        recorder.record([made], 0.0)
        recorder.keep([ended], NOW_MS)

    def traded(self) -> list[Traded]:
        with self.store.read() as reading:
            return list(traded(BTC, reading=reading, market=self.market))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.database.close()
    found.other.close()


def test_a_trade_that_paid_speaks_for_its_side_and_one_that_did_not_for_the_other(desk: Desk) -> None:
    for place, side, percent in ((600, "BUY", 1.5), (610, "SELL", 0.5), (620, "BUY", -1.0), (630, "SELL", -0.2)):
        desk.trade(place, side, percent)  # type: ignore[arg-type]

    found = from_decisions(CANDLES, HOUR_MS, desk.traded())

    assert found.places.tolist() == [600, 610, 620, 630]
    assert found.rose.tolist() == [1, 0, 0, 1]
    assert found.bought[0] == pytest.approx(0.015)
    assert np.isnan(found.sold[0])
    # Decided after bar 600 had closed, and known three hours and a moment later: with bar 604.
    assert found.known_from.tolist() == [604, 614, 624, 634]


def test_rows_are_those_that_the_decisions_were_made_with(desk: Desk) -> None:
    desk.trade(600, "BUY", 1.0)
    (one,) = desk.traded()

    assert one.values is not None
    np.testing.assert_array_equal(np.array(one.values), np.array(desk.row(600).values))
    changed = replace(one, values=tuple(float(number) for number in range(25)))
    assert from_decisions(CANDLES, HOUR_MS, [changed]).rows[600].tolist() == list(range(25))


def test_what_is_stale_foreign_or_without_a_result_in_percent_is_left_out(desk: Desk) -> None:
    desk.trade(600, "BUY", 1.0, status="stale")
    desk.trade(601, "BUY", 1.0, schema_hash="another")
    desk.trade(602, "BUY", 1.0, stream=BTC._replace(venue="kraken"))
    desk.trade(603, "BUY", None)
    desk.trade(604, "BUY", 1.0)

    assert [one.opened_at_ms for one in desk.traded()] == [int(CANDLES.opened_at_ms[604])]


def test_without_any_trade_the_data_set_is_empty() -> None:
    assert len(from_decisions(CANDLES, HOUR_MS, [])) == 0
