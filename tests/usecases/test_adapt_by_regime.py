"""Adapting with regimes kept apart: stored and restored as it was, switched on and off without losing anything."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.learner_codec import learned_bytes, learned_from
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.domain.adaptation.anchored import Memory
from ml_service.domain.adaptation.cycle import Taught, Waiting, places_of, settle
from ml_service.domain.adaptation.learned import Learned
from ml_service.domain.lessons import Lesson
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.outcomes import Outcome
from ml_service.domain.types import Decision
from ml_service.usecases.adapt import Adapted, Rules, adapt
from ml_service.usecases.undo import undo
from tests.builders import HASH, policy
from tests.domain.adaptation.markets import same
from tests.migrated import migrated
from tests.usecases.trading import HOUR_MS, RULES, decisions_and_outcomes, evening

APART = replace(RULES, adaptation=replace(AdaptationPolicy(), regimes="separate"))
BTC = "BTCUSDT"

Regime = Callable[[int], str | None]


def every_kind(place: int) -> str | None:
    return (*REGIMES, None)[place % 5]


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Database]:
    """Another store, for somebody with the same life."""
    opened = Database(migrated(f"sqlite:///{tmp_path / 'beside.db'}"))
    yield opened
    opened.close()


def trade(database: Database, days: range, regime: Regime) -> None:
    decisions, outcomes = decisions_and_outcomes(days)
    met = [in_market(one, regime(place)) for place, one in enumerate(decisions)]
    DirectRecorder(database).record(met, 0.0)
    keep(database, outcomes, days[-1])


def in_market(decision: Decision, regime: str | None) -> Decision:
    features = FeaturesUsed(Stream("binance", BTC, "1h"), 0, "hash", "set", "ready", regime=regime)
    return decision._replace(features=features)


def keep(database: Database, outcomes: list[Outcome], day: int) -> None:
    receipts = DirectRecorder(database).keep(outcomes, evening(day))
    assert {receipt.status for receipt in receipts} == {"created"}


def adapted(store: SqlStore, day: int, rules: Rules) -> Adapted:
    return adapt(
        "ada", BTC, rules=rules, actor="tester", now_ms=evening(day), store=store, entropy=lambda length: b"7" * length
    )


def learn(database: Database, store: SqlStore, days: range, rules: Rules, regime: Regime = every_kind) -> list[Adapted]:
    told = []
    for day in days:
        trade(database, range(day, day + 1), regime)
        told.append(adapted(store, day, rules))
    return told


def learned(store: SqlStore) -> Learned:
    with store.read() as reading:
        found = reading.learner("ada", BTC).learned
    assert found is not None
    return found


def memory(store: SqlStore) -> Memory:
    found = learned(store).memory
    assert isinstance(found, Memory)
    return found


def test_each_regime_has_weights_of_its_own_and_the_explanation_names_them(embedded: Database, store: SqlStore) -> None:
    told = learn(embedded, store, range(14), APART)

    assert learned(store).regimes == REGIMES
    assert len({row.tobytes() for row in memory(store).weights}) == 5
    last = told[-1].explanation
    assert {one.regime for one in last.regimes} == {*REGIMES, None}
    assert sum(one.share for one in last.regimes) == pytest.approx(1.0)
    assert any(one.explanation.verdict == "moved" for one in told)
    assert all("weighed for" in one.explanation.reason for one in told if one.explanation.verdict == "moved")
    with store.read() as reading:
        stored = reading.adaptations("ada", BTC, None, 1).items[0].explanation
    assert {one["regime"] for one in stored["regimes"]} <= {*REGIMES, None}


def test_a_state_with_regimes_comes_back_bit_for_bit(embedded: Database, store: SqlStore) -> None:
    learn(embedded, store, range(8), APART)
    known = learned(store)

    again = learned_from(learned_bytes(known))

    assert learned_bytes(again) == learned_bytes(known)
    assert again.regimes == REGIMES
    assert isinstance(again.memory, Memory)
    assert isinstance(known.memory, Memory)
    assert again.memory.weights.tobytes() == known.memory.weights.tobytes()
    assert again.memory.mix.tobytes() == known.memory.mix.tobytes()


def test_with_nothing_apart_a_state_is_stored_as_it_always_was(embedded: Database, store: SqlStore) -> None:
    told = learn(embedded, store, range(8), RULES)

    stored = learned_bytes(learned(store))

    header = stored[: int.from_bytes(stored[:4], "big") + 4]
    assert b"regimes" not in header
    assert b"mix" not in header
    assert memory(store).weights.shape == (1, 400)
    assert all(one.explanation.regimes == () for one in told)


def test_where_no_regime_is_known_it_moves_as_with_nothing_apart(
    embedded: Database, store: SqlStore, beside: Database
) -> None:
    apart = learn(embedded, store, range(14), APART, lambda place: None)
    together = learn(beside, SqlStore(beside), range(14), RULES, lambda place: None)

    assert any(one.explanation.verdict == "moved" for one in together)
    assert [one.explanation for one in apart] == [one.explanation for one in together]
    assert [one.thresholds.values for one in apart] == [one.thresholds.values for one in together]


def test_adapting_again_without_new_outcomes_changes_nothing(embedded: Database, store: SqlStore) -> None:
    learn(embedded, store, range(8), APART)
    before = learned_bytes(learned(store))

    again = [adapted(store, day, APART) for day in (7, 8, 9)]

    assert {one.explanation.verdict for one in again} == {"held"}
    assert learned_bytes(learned(store)) == before


def test_the_option_alone_moves_nothing_and_writes_nothing(embedded: Database, store: SqlStore) -> None:
    learn(embedded, store, range(8), RULES)
    before = learned_bytes(learned(store))

    held = adapted(store, 9, APART)

    assert held.explanation.verdict == "held"
    assert learned_bytes(learned(store)) == before


@pytest.mark.parametrize("switches", [{3: APART}, {3: APART, 6: RULES}, {0: APART, 3: RULES, 6: APART}])
def test_what_all_have_learned_together_is_the_same_however_often_it_is_switched(
    embedded: Database, store: SqlStore, beside: Database, switches: dict[int, Rules]
) -> None:
    never_switched = SqlStore(beside)
    rules = RULES
    for day in range(9):
        rules = switches.get(day, rules)
        learn(embedded, store, range(day, day + 1), rules)
        learn(beside, never_switched, range(day, day + 1), RULES)

    found, wanted = memory(store), memory(never_switched)
    assert found.weights.shape == (5 if rules is APART else 1, 400)
    assert found.weights[0].tobytes() == wanted.weights[0].tobytes()
    assert all(same(getattr(found, name), getattr(wanted, name)) for name in ("evolved", "drift", "noise", "tide"))
    assert (found.known, found.trades) == (wanted.known, wanted.trades)


def test_a_corrected_outcome_counts_once_with_regimes_apart(embedded: Database, store: SqlStore) -> None:
    learn(embedded, store, range(6), APART, lambda place: "volatile")
    closed_at_ms = evening(6) - HOUR_MS

    keep(
        embedded,
        [Outcome("ada", "c-1", BTC, pnl=1.0, risk=10.0, corrects="t-BTCUSDT-5-3", closed_at_ms=closed_at_ms)],
        6,
    )
    told = adapted(store, 6, APART)

    assert told.explanation.new_outcomes == 2
    assert memory(store).known == 6 * 24
    assert [one.regime for one in told.explanation.regimes] == ["volatile"]


def test_what_was_known_before_regimes_were_kept_apart_comes_back_and_goes_on(
    embedded: Database, store: SqlStore
) -> None:
    learn(embedded, store, range(8), RULES)
    known = learned_bytes(learned(store))
    (told,) = learn(embedded, store, range(8, 9), APART)
    assert told.adaptation is not None

    undo(
        "ada",
        told.adaptation.id,
        reason="not convinced",
        actor="tester",
        policy=policy(),
        settings_hash=HASH,
        cooldown_ms=HOUR_MS,
        now_ms=evening(9),
        store=store,
    )

    assert learned_bytes(learned(store)) == known
    (again,) = learn(embedded, store, range(10, 11), APART)
    assert again.explanation.new_outcomes > 0
    assert learned(store).regimes == REGIMES


class Recording:
    """Remembers what a learner is told."""

    def __init__(self) -> None:
        self.memory = SimpleNamespace(day=None)
        self.told: list[tuple[float, list[float]]] = []

    def observe(self, *columns: Any, weight: float, regime: Any, days: Any) -> None:
        self.told.append((weight, np.asarray(regime).tolist()))

    def settle(self, day: int) -> None: ...


def test_what_is_taken_back_is_taken_back_from_the_regime_it_was_told_under() -> None:
    before, after = (Taught(True, 1.0, None, 10.0, lesson(name)) for name in ("volatile", "trending"))
    learner = Recording()

    settle(learner, [Waiting(1, 0, after, instead_of=before)], 1.0, 0, REGIMES)  # type: ignore[arg-type]

    assert learner.told == [(1.0, [0.0]), (-1.0, [2.0])]


def test_a_regime_goes_by_its_alias_and_one_that_nobody_knows_counts_for_all() -> None:
    lessons = [lesson(name) for name in ("trending", "ranging", "consolidation", "lunar", None)]

    assert places_of(lessons, REGIMES) == pytest.approx([0.0, 1.0, 3.0, np.nan, np.nan], nan_ok=True)


def lesson(regime: str | None) -> Lesson:
    return Lesson((0.9,), "*", 1, True, regime=regime)
