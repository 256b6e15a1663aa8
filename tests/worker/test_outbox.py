"""Handing out events: each to its handlers, again when that failed, aside when it keeps failing."""

from collections.abc import Mapping
from typing import Any

import pytest

from ml_service.domain.events import (
    Event,
    JournalConflictFound,
    KillSwitchTurned,
    ModelExpired,
    ModelPromoted,
    ModelRolledBack,
    ModelTurnedDown,
    ThresholdsChanged,
)
from ml_service.errors import StoreUnavailable
from ml_service.worker import outbox
from ml_service.worker.outbox import ATTEMPTS_MAX, FIRST_PAUSE_MS, hand_out
from tests.worker.conftest import Bench

TURNED = KillSwitchTurned("*", True, "a test", "ada")


def publish(bench: Bench, *events: Event) -> None:
    with bench.store.begin() as tx:
        for event in events:
            tx.publish(event, bench.now_ms)


def counts(bench: Bench) -> tuple[int, int]:
    with bench.store.read() as reading:
        found = reading.counts(0)
    return found["events_waiting"], found["events_set_aside"]


class Handler:
    """Fails as long as it is told to."""

    def __init__(self, failing: bool = True, error: Exception | None = None) -> None:
        self.failing = failing
        self.error = error or RuntimeError("boom")
        self.calls = 0

    def __call__(self, facts: Mapping[str, Any], parts: Any) -> None:
        self.calls += 1
        if self.failing:
            raise self.error


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Handler:
    made = Handler()
    monkeypatch.setattr(outbox, "HANDLERS", {ThresholdsChanged.kind: (made,)})
    return made


CHANGED = ThresholdsChanged("ada", "*", 1, "set")


def test_a_turn_of_the_kill_switch_is_alerted_once(bench: Bench) -> None:
    publish(bench, TURNED)

    looked_at = hand_out(bench.parts), hand_out(bench.parts)

    assert looked_at == (1, 0)
    assert bench.alerts.heard == [
        ("critical", "kill_switch.turned", {"user_id": "*", "on": True, "reason": "a test", "actor": "ada"})
    ]


def test_switching_off_is_less_urgent(bench: Bench) -> None:
    publish(bench, KillSwitchTurned("*", False, "", "ada"))

    hand_out(bench.parts)

    assert bench.alerts.heard[0][0] == "warning"


def test_a_conflict_of_the_journal_is_alerted(bench: Bench) -> None:
    publish(bench, JournalConflictFound("ada", "outcome", "t-1"))

    hand_out(bench.parts)

    assert [(severity, what) for severity, what, _ in bench.alerts.heard] == [("warning", "journal.conflict_found")]


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        (ModelPromoted("s-2", "BTCUSDT", "*", "s-1", "ada", ""), "info"),
        (ModelRolledBack("s-1", "BTCUSDT", "*", "s-2", "ada", "it lost"), "warning"),
        (ModelExpired("s-1", "BTCUSDT", "*"), "warning"),
        (ModelTurnedDown("s-2", "BTCUSDT", "*", "file ab was changed"), "critical"),
    ],
    ids=lambda one: getattr(one, "kind", one),
)
def test_what_becomes_of_champions_is_alerted(bench: Bench, event: Event, severity: str) -> None:
    publish(bench, event)

    hand_out(bench.parts)

    assert [(how, what) for how, what, _ in bench.alerts.heard] == [(severity, event.kind)]


def test_an_event_that_wakes_nobody_is_done_with(bench: Bench) -> None:
    publish(bench, CHANGED)

    assert hand_out(bench.parts) == 1
    assert counts(bench) == (0, 0)
    assert bench.alerts.heard == []


def test_a_failed_event_is_tried_again_after_a_pause(bench: Bench, handler: Handler) -> None:
    publish(bench, CHANGED)

    hand_out(bench.parts)
    hand_out(bench.parts)
    bench.now_ms += FIRST_PAUSE_MS - 1
    hand_out(bench.parts)
    calls_before_its_time = handler.calls
    bench.now_ms += 1
    handler.failing = False
    hand_out(bench.parts)

    assert (calls_before_its_time, handler.calls) == (1, 2)
    assert counts(bench) == (0, 0)


def test_pauses_grow(bench: Bench, handler: Handler) -> None:
    publish(bench, CHANGED)
    began, tried_at = bench.now_ms, []

    while handler.calls < 5:
        calls = handler.calls
        hand_out(bench.parts)
        if handler.calls > calls:
            tried_at.append(bench.now_ms - began)
        bench.now_ms += 500

    assert tried_at == [0, 1_000, 3_000, 7_000, 15_000]


def test_an_event_that_keeps_failing_is_set_aside_and_alerted(bench: Bench, handler: Handler) -> None:
    publish(bench, CHANGED)

    for _ in range(ATTEMPTS_MAX + 3):
        hand_out(bench.parts)
        bench.now_ms += 3_600_000

    assert handler.calls == ATTEMPTS_MAX
    assert counts(bench) == (0, 1)
    assert [(severity, what, facts["kind"]) for severity, what, facts in bench.alerts.heard] == [
        ("critical", "event.set_aside", "thresholds.changed")
    ]


def test_the_trouble_of_one_event_does_not_hold_up_the_others(
    bench: Bench, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Handler(failing=False)
    monkeypatch.setattr(outbox, "HANDLERS", {ThresholdsChanged.kind: (handler,), TURNED.kind: (good,)})
    publish(bench, CHANGED, TURNED, CHANGED, TURNED)

    hand_out(bench.parts)

    assert (handler.calls, good.calls) == (2, 2)
    assert counts(bench) == (2, 0)


def test_a_database_that_went_away_counts_against_no_event(bench: Bench, handler: Handler) -> None:
    handler.error = StoreUnavailable("away")
    publish(bench, CHANGED)

    for _ in range(ATTEMPTS_MAX + 2):
        with pytest.raises(StoreUnavailable):
            hand_out(bench.parts)
    handler.failing = False
    hand_out(bench.parts)

    assert counts(bench) == (0, 0)
    assert bench.alerts.heard == []


def test_events_are_handed_out_a_batch_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    publish(bench, *[CHANGED] * 5)

    assert [hand_out(bench.parts) for _ in range(4)] == [2, 2, 1, 0]
