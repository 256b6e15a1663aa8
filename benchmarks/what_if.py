"""How long it takes to run other thresholds over ten thousand past signals.

    python -m benchmarks.what_if

The use-case on an embedded store, from question to answer; and the rule alone.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import spread, table
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.schema import upgrade
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.gate import decide
from ml_service.domain.outcomes import DAY_MS, Outcome
from ml_service.domain.types import ANY_SYMBOL, Decision, Signal, Thresholds
from ml_service.domain.view import View, default_thresholds
from ml_service.domain.what_if import Choice, compare
from ml_service.ports import Period
from ml_service.settings import Settings
from ml_service.usecases.what_if import what_if

SIGNALS = 10_000
ROUNDS = 11
NOW_MS = 1_790_000_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
SETTINGS = Settings()
VIEW = View(SETTINGS.gate_policy, SETTINGS.hash)
WANTED = {"confidence_threshold": 0.7, "rsi_threshold": 65.0}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ml-service-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        upgrade(url)
        database = Database(url)
        store = SqlStore(database)
        fill(DirectRecorder(database), with_outcome=True)
        rows = [["10,000 signals with a known result, ms", measured(lambda: ask(store)), "1000"]]
        fill(DirectRecorder(database), with_outcome=False)
        rows.append(["the same and 10,000 decisions without one, ms", measured(lambda: ask(store)), "1000"])
        with store.read() as reading:
            known = reading.known_results("ada", Period(), SIGNALS)
        now = default_thresholds("ada", VIEW.policy, VIEW.settings_hash).values
        choices = dict.fromkeys(SYMBOLS, Choice(now, {**now, **WANTED}))
        rows.append(["the rule alone, ms", measured(lambda: compare(known, choices, VIEW.policy)), ""])
        database.close()
    print(table(["figure", "median (smallest to largest)", "target"], rows))


def ask(store: SqlStore) -> None:
    what_if("ada", None, WANTED, since_ms=NOW_MS - 30 * DAY_MS, until_ms=None, limit=SIGNALS, view=VIEW, store=store)


def fill(recorder: DirectRecorder, *, with_outcome: bool) -> None:
    draw = random.Random(with_outcome)
    for start in range(0, SIGNALS, 1000):
        made = [decision(draw, f"{with_outcome}-{start + number}") for number in range(1000)]
        recorder.record(made, 0)
        if with_outcome:
            recorder.keep([outcome(draw, one) for one in made], NOW_MS)


def decision(draw: random.Random, name: str) -> Decision:
    values = {
        "confidence": draw.uniform(0.4, 1.0),
        "rsi": draw.uniform(30.0, 90.0),
        "change_percent": draw.gauss(0.0, 3.0),
        "volume": 10 ** draw.uniform(8.5, 10.0),
    }
    given = Signal(draw.choice(SYMBOLS), draw.choice(("BUY", "SELL")), values)
    thresholds: Thresholds = default_thresholds("ada", VIEW.policy, VIEW.settings_hash)
    assert thresholds.symbol == ANY_SYMBOL
    return Decision(
        user_id="ada",
        decision_id=name,
        named_by_caller=True,
        evaluated_at_ms=NOW_MS - draw.randrange(29 * DAY_MS),
        signal=given,
        verdict=decide(given, thresholds.values, VIEW.policy),
        thresholds=thresholds,
        settings_hash=VIEW.settings_hash,
    )


def outcome(draw: random.Random, judged: Decision) -> Outcome:
    percent = draw.gauss(0.02, 1.0)
    return Outcome(
        user_id="ada",
        trade_id=judged.decision_id,
        symbol=judged.signal.symbol,
        accepted=judged.verdict.decision == "take",
        pnl=10.0 * percent,
        pnl_percent=percent,
        closed_at_ms=judged.evaluated_at_ms + 600_000,
        decision_id=judged.decision_id,
    )


def measured(work: Callable[[], object]) -> str:
    work()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return spread(times, "{:.0f}")


if __name__ == "__main__":
    main()
