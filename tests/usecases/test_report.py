"""A report tells the window that was asked for, from what the store has."""

import os

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.report.report import Report
from ml_service.usecases.adapt import adapt
from ml_service.usecases.report import Rules, report
from tests.builders import NOW_MS, outcome
from tests.usecases.trading import PER_DAY, RULES, evening, trade


def told(store: SqlStore, symbol: str | None = None, days: int = 30, user: str = "ada") -> Report:
    rules = Rules(RULES.gate, RULES.adaptation, RULES.settings_hash)
    return report(user, symbol, NOW_MS - days * DAY_MS, NOW_MS, rules=rules, store=store)


def test_what_was_learned_is_told_against_what_stood_at_the_beginning(embedded: Database, store: SqlStore) -> None:
    for day in range(-12, 0):
        trade(embedded, range(day, day + 1))
        adapt("ada", "BTCUSDT", rules=RULES, actor="w", now_ms=evening(day) + 1_000, store=store, entropy=os.urandom)

    found = told(store, "BTCUSDT")

    assert found.signals_known == 12 * PER_DAY
    assert found.compared is not None
    # These were all decided under the defaults, which is where the window began.
    assert found.compared.decided.taken == found.compared.frozen.taken
    assert found.compared.frozen.ahead is not None
    assert (found.compared.frozen.ahead.low, found.compared.frozen.ahead.high) == (0.0, 0.0)
    assert found.compared.always.taken == 12 * PER_DAY
    assert found.performance.total_trades == found.compared.decided.taken
    assert found.adaptations
    assert [line.symbol for line in found.lines["confidence_threshold"]] == ["*", "BTCUSDT"]
    steps = found.lines["confidence_threshold"][1].steps
    assert (steps[0].value, steps[-1].value > 0.65) == (0.65, True)
    assert [learner.symbol for learner in found.learners] == ["BTCUSDT"]
    assert told(store, days=3).signals_known < found.signals_known
    # A later window begins with what had been learned by then.
    late = told(store, days=3).lines["confidence_threshold"]
    assert any(line.steps[0].value > 0.65 for line in late if line.symbol == "BTCUSDT")


def test_what_cannot_be_compared_is_counted(embedded: Database, store: SqlStore) -> None:
    DirectRecorder(embedded).keep(
        [
            outcome("unmatched", closed_at_ms=NOW_MS - 1),
            outcome("doubtful", pnl_percent=5000.0, closed_at_ms=NOW_MS - 1),
            outcome("corrected", closed_at_ms=NOW_MS - 1),
            outcome("right", closed_at_ms=NOW_MS - 1, corrects="corrected"),
        ],
        NOW_MS,
    )

    found = told(store)

    assert (found.signals_known, found.signals_unknown, found.quarantined_count) == (0, 2, 1)
    assert found.compared is None
    assert [stored.outcome.trade_id for stored in found.quarantined] == ["doubtful"]
    assert found.performance.total_trades == 3


def test_a_user_without_anything_has_a_report(store: SqlStore) -> None:
    found = told(store, user="nobody")

    assert (found.signals_known, found.adaptations, found.learners) == (0, (), ())
    assert {line.steps[0].value for line in found.lines["rsi_threshold"]} == {70.0}
