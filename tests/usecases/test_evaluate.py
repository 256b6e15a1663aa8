"""Evaluate: each signal decided once from one view, recorded, and told how."""

from collections.abc import Sequence

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.types import Decision, RecordedDecision, Signal
from ml_service.domain.view import Changes, View, changed
from ml_service.ports import Recorder
from ml_service.usecases.evaluate import Asked, Clock, evaluate, turned_away
from tests.builders import HASH, NOW_MS, kill, policy, signal, thresholds
from tests.fakes import NoForecaster


class Still:
    """A snapshot that does not move."""

    def __init__(self, view: View | None = None, age_ms: int = 3, stale: bool = False) -> None:
        self._view = view if view is not None else View(policy(), HASH)
        self._age_ms, self._stale = age_ms, stale

    def view(self) -> View:
        return self._view

    def age_ms(self) -> int:
        return self._age_ms

    def is_stale(self) -> bool:
        return self._stale

    def catch_up(self) -> None:
        return None


class NoRecorder:
    """Nothing durable takes anything: as with the database away and the disk full."""

    def record(
        self, decisions: Sequence[Decision], wait_ms: float, remaining_ms: float = 0.0
    ) -> list[RecordedDecision]:
        return [RecordedDecision(None) for _ in decisions]

    def keep(self, outcomes: object, now_ms: int) -> list[object]:
        raise NotImplementedError


def ask(*asked: Asked, snapshot: Still, recorder: Recorder, at_ms: int = NOW_MS) -> list[Decision]:
    answers = evaluate(
        "ada",
        asked,
        snapshot=snapshot,
        forecaster=NoForecaster(),
        recorder=recorder,
        clock=Clock(at_ms, lambda: 250),
        entropy=bytes,
        wait_ms=1000,
    )
    return [one.decision for one in answers]


GOOD, BAD = signal(confidence=0.9), signal(confidence=0.1)


def test_each_signal_gets_its_own_decision_in_order(embedded: Database) -> None:
    told = ask(Asked(GOOD), Asked(BAD, "mine"), snapshot=Still(), recorder=DirectRecorder(embedded))

    assert [one.verdict.decision for one in told] == ["take", "reject"]
    assert [(one.named_by_caller, one.decision_id == "mine") for one in told] == [(False, False), (True, True)]
    assert {one.evaluated_at_ms for one in told} == {NOW_MS}


def test_it_decides_by_the_thresholds_of_the_view(embedded: Database) -> None:
    view = changed(View(policy(), HASH), Changes("s", 1, (thresholds(confidence_threshold=0.95),)))

    (told,) = ask(Asked(GOOD), snapshot=Still(view), recorder=DirectRecorder(embedded))

    assert (told.verdict.decision, told.thresholds.revision) == ("reject", 1)


def test_a_decision_is_recorded_with_what_it_came_from(embedded: Database) -> None:
    (told,) = ask(Asked(GOOD, "mine"), snapshot=Still(), recorder=DirectRecorder(embedded))

    with SqlStore(embedded).read() as reading:
        found = reading.decision("ada", "mine")
    assert found is not None
    assert (found.verdict, found.settings_hash, found.processing_us) == (told.verdict, HASH, 250)


def test_a_share_of_the_refused_is_taken_and_recorded_so(embedded: Database) -> None:
    view = View(policy(), HASH, exploration=0.2)
    names = [f"d-{number}" for number in range(50)]

    told = ask(*(Asked(BAD, name) for name in names), snapshot=Still(view), recorder=DirectRecorder(embedded))

    assert {one.verdict.code for one in told} == {"explored", "limit_missed"}
    with SqlStore(embedded).read() as reading:
        found = [reading.decision("ada", name) for name in names]
    assert [one.verdict for one in found if one is not None] == [one.verdict for one in told]


def test_what_was_explored_once_stays_explored(embedded: Database) -> None:
    recorder = DirectRecorder(embedded)
    (first,) = ask(Asked(BAD, "mine"), snapshot=Still(View(policy(), HASH, exploration=1.0)), recorder=recorder)

    (again,) = ask(Asked(BAD, "mine"), snapshot=Still(), recorder=recorder)

    assert (again.verdict.code, again.verdict) == ("explored", first.verdict)


def test_under_the_kill_switch_nothing_is_explored(embedded: Database) -> None:
    view = changed(View(policy(), HASH, exploration=1.0), Changes("s", 1, kills=(kill(),)))
    closing = signal("SELL", confidence=0.1, reduce_only=True)

    told = ask(Asked(BAD), Asked(closing), snapshot=Still(view), recorder=DirectRecorder(embedded))

    assert [one.verdict.code for one in told] == ["kill_switch", "limit_missed"]


def test_under_the_kill_switch_only_what_reduces_risk_is_judged(embedded: Database) -> None:
    view = changed(View(policy(), HASH), Changes("s", 1, kills=(kill(),)))
    closing = signal("SELL", confidence=0.9, reduce_only=True)

    told = ask(Asked(GOOD), Asked(closing), snapshot=Still(view), recorder=DirectRecorder(embedded))

    assert [one.verdict.code for one in told] == ["kill_switch", "all_passed"]
    assert all(one.killed for one in told)


def test_a_repeat_gets_the_first_answer(embedded: Database) -> None:
    recorder = DirectRecorder(embedded)
    (first,) = ask(Asked(GOOD, "mine"), snapshot=Still(), recorder=recorder)
    view = changed(View(policy(), HASH), Changes("s", 1, (thresholds(confidence_threshold=0.95),)))

    (again,) = ask(Asked(GOOD, "mine"), snapshot=Still(view), recorder=recorder, at_ms=NOW_MS + 60_000)

    assert (again.verdict, again.evaluated_at_ms) == (first.verdict, NOW_MS)


def test_the_same_id_for_another_signal_is_an_abstention(embedded: Database) -> None:
    recorder = DirectRecorder(embedded)
    ask(Asked(GOOD, "mine"), snapshot=Still(), recorder=recorder)

    (reused,) = ask(Asked(BAD, "mine"), snapshot=Still(), recorder=recorder)

    assert (reused.verdict.decision, reused.verdict.code) == ("abstain", "decision_id_reused")
    assert reused.degraded == ("unrecorded",)


def test_an_unknown_field_that_differs_makes_it_another_signal(embedded: Database) -> None:
    recorder = DirectRecorder(embedded)
    told = [
        ask(Asked(Signal("BTCUSDT", "BUY", {"rsi": 50.0}, ignored=extra), "mine"), snapshot=Still(), recorder=recorder)
        for extra in ({"venue": "x"}, {"venue": "x"}, {"venue": "y"})
    ]

    assert [one[0].verdict.code for one in told] == ["all_passed", "all_passed", "decision_id_reused"]


def test_an_old_view_is_said_with_its_age(embedded: Database) -> None:
    (told,) = ask(Asked(GOOD), snapshot=Still(age_ms=8000, stale=True), recorder=DirectRecorder(embedded))

    assert told.verdict.decision == "take"
    assert (told.degraded, told.snapshot_age_ms) == (("database_away",), 8000)


def test_a_fresh_view_says_nothing_of_its_age(embedded: Database) -> None:
    (told,) = ask(Asked(GOOD), snapshot=Still(age_ms=200), recorder=DirectRecorder(embedded))

    assert (told.degraded, told.snapshot_age_ms) == ((), 0)


def test_what_nothing_durable_took_is_marked() -> None:
    (told,) = ask(Asked(GOOD), snapshot=Still(stale=True), recorder=NoRecorder())  # type: ignore[arg-type]  # decisions

    assert told.verdict.decision == "take"
    assert told.degraded == ("database_away", "unrecorded")


def test_without_capacity_nothing_is_traded_and_nothing_is_judged() -> None:
    told, kept = turned_away("ada", Asked(GOOD, "mine"), Still().view(), Clock(NOW_MS, lambda: 1), bytes)

    assert kept is None
    assert (told.verdict.decision, told.verdict.code, told.decision_id) == ("abstain", "overloaded", "mine")
    assert told.degraded == ("unrecorded",)
