"""Asking what other thresholds would have done changes nothing, and answers for what decides now."""

from dataclasses import replace
from typing import Any

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.view import View
from ml_service.errors import InvalidInput
from ml_service.usecases.what_if import Imagined, what_if
from tests.builders import HASH, NOW_MS, decision, drawn, outcome, policy, signal, thresholds

VIEW = View(policy(), HASH)


def decide(embedded: Database, name: str, confidence: float, pnl: float | None = None, symbol: str = "BTCUSDT") -> None:
    recorder = DirectRecorder(embedded)
    recorder.record([decision(name, judged=signal(symbol=symbol, confidence=confidence))], 0)
    if pnl is not None:
        recorder.keep([outcome(name, pnl=pnl, risk=1.0, symbol=symbol, decision_id=name)], NOW_MS)


def ask(store: SqlStore, wanted: dict[str, float], view: View = VIEW, **fields: Any) -> Imagined:
    asked: dict[str, Any] = {"symbol": None, "since_ms": 0, "until_ms": None, "limit": 100, **fields}
    return what_if("ada", wanted=wanted, view=view, store=store, **asked)


def test_it_tells_what_would_have_been_gained_and_let_in(embedded: Database, store: SqlStore) -> None:
    for name, confidence, pnl in (("a", 0.9, 1.0), ("b", 0.6, 2.0), ("c", 0.6, -1.0), ("d", 0.6, None)):
        decide(embedded, name, confidence, pnl)

    told = ask(store, {"confidence_threshold": 0.5})

    assert (told.comparison.gained.count, told.comparison.let_in.count) == (1, 1)
    assert (told.without_outcome, told.flips.newly_taken, told.flips.no_longer_taken) == (1, 1, 0)
    assert (told.complete, told.without_outcome_complete) == (True, True)
    assert (told.choice.now["confidence_threshold"], told.choice.then["confidence_threshold"]) == (0.65, 0.5)
    assert told.choice.then["rsi_threshold"] == told.choice.now["rsi_threshold"]


def test_what_was_explored_was_traded_but_would_not_be_taken_by_thresholds(embedded: Database, store: SqlStore) -> None:
    recorder = DirectRecorder(embedded)
    recorder.record([drawn(1.0, name, signal(confidence=0.6)) for name in ("known", "open")], 0)
    recorder.keep([outcome("known", pnl=2.0, risk=1.0, decision_id="known")], NOW_MS)

    told = ask(store, {"confidence_threshold": 0.5}, replace(VIEW, exploration=1.0))

    assert (told.comparison.taken_now.count, told.comparison.gained.count) == (0, 1)
    assert told.comparison.gained.counterfactual == 0
    assert (told.without_outcome, told.flips.newly_taken) == (1, 1)


def test_each_symbol_begins_with_the_thresholds_that_decide_for_it_now(embedded: Database, store: SqlStore) -> None:
    decide(embedded, "a", 0.6, 1.0, "BTCUSDT")
    decide(embedded, "b", 0.6, 1.0, "ETHUSDT")
    own = thresholds("ada", "ETHUSDT", confidence_threshold=0.5)
    view = replace(VIEW, thresholds={("ada", "ETHUSDT"): own})

    told = ask(store, {"confidence_threshold": 0.5}, view)

    assert (told.comparison.taken_now.count, told.comparison.gained.count) == (1, 1)


def test_the_limit_takes_the_newest_and_says_that_there_are_more(embedded: Database, store: SqlStore) -> None:
    for number in range(3):
        decide(embedded, f"known-{number}", 0.6, 1.0)
        decide(embedded, f"open-{number}", 0.6)

    told = ask(store, {"confidence_threshold": 0.5}, limit=2)

    assert (told.comparison.signals.count, told.complete) == (2, False)
    assert (told.without_outcome, told.without_outcome_complete) == (2, False)


def test_what_the_settings_do_not_allow_is_refused_by_name(store: SqlStore) -> None:
    with pytest.raises(InvalidInput) as refused:
        ask(store, {"rsi_threshold": 10.0, "mood_threshold": 1.0})

    assert [one.path for one in refused.value.errors] == ["thresholds.rsi_threshold", "thresholds.mood_threshold"]
