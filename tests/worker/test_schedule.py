"""The schedule: what is due runs, once per interval, and one failure stops no other."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from ml_service.adapters.shared_page import SharedPage
from ml_service.adapters.training_runs import TrainingRuns
from ml_service.errors import ModelRefused, StoreUnavailable
from ml_service.ports import Period
from ml_service.settings import load_settings
from ml_service.usecases.prune import DAY_MS
from ml_service.worker.outbox import hand_out
from ml_service.worker.parts import Parts
from ml_service.worker.schedule import (
    Schedule,
    Task,
    adapt_what_waits,
    settle_what_nobody_told,
    tasks,
    tell_of_killed_trainings,
    tidy_old_models,
)
from ml_service.worker.wiring import simulated
from tests.builders import NOW_MS, outcome, rejected
from tests.candles import BTC, FIRST_MS, HOUR_MS, walk
from tests.models import Registry, model_record
from tests.usecases.trading import evening, trade
from tests.worker.conftest import Bench


class Clock:
    """The monotonic clock, turned by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made.monotonic)
    return made


class Counted:
    def __init__(self, error: Exception | None = None) -> None:
        self.times = 0
        self.error = error

    def __call__(self, parts: Parts) -> None:
        self.times += 1
        if self.error is not None:
            raise self.error


def test_everything_runs_at_the_start_and_then_in_its_interval(bench: Bench, clock: Clock) -> None:
    often, rarely = Counted(), Counted()
    schedule = Schedule((Task("often", 10.0, often), Task("rarely", 25.0, rarely)))

    for _ in range(61):
        schedule.run_due(bench.parts)
        clock.seconds += 1

    assert (often.times, rarely.times) == (7, 3)


def test_a_clock_on_the_wall_that_jumps_moves_nothing(bench: Bench, clock: Clock) -> None:
    counted = Counted()
    schedule = Schedule((Task("one", 10.0, counted),))

    for jump_ms in (0, 400 * 86_400_000, -400 * 86_400_000):
        bench.now_ms = NOW_MS + jump_ms
        schedule.run_due(bench.parts)

    assert counted.times == 1


def test_what_is_due_in_a_simulation_is_due_now(bench: Bench, clock: Clock) -> None:
    often, rarely = Counted(), Counted()
    schedule = Schedule((Task("often", 60.0, often), Task("rarely", 86_400.0, rarely)))

    bench.simulated_ms = NOW_MS
    for minutes in range(0, 2 * 24 * 60, 10):
        bench.simulated_ms = NOW_MS + minutes * 60_000
        schedule.run_due(bench.parts)
        schedule.run_due(bench.parts)

    assert (often.times, rarely.times) == (2 * 24 * 6, 2)


def test_a_simulation_that_stands_still_does_not_hold_up_the_schedule(bench: Bench, clock: Clock) -> None:
    counted = Counted()
    schedule = Schedule((Task("one", 10.0, counted),))
    bench.simulated_ms = NOW_MS

    for _ in range(30):
        schedule.run_due(bench.parts)
        clock.seconds += 1

    assert counted.times == 3


@pytest.mark.parametrize(("environment", "followed"), [("testing", NOW_MS), ("development", 0), ("production", 0)])
def test_only_the_testing_environment_follows_a_simulation(tmp_path: Path, environment: str, followed: int) -> None:
    SharedPage(tmp_path / "shared.page").advance("test_time", NOW_MS)

    # As after a restart: nobody has named a time since.
    simulated_ms = simulated(load_settings({"ENVIRONMENT": environment}), SharedPage(tmp_path / "shared.page"))

    assert simulated_ms() == followed


@pytest.mark.parametrize("error", [RuntimeError("boom"), StoreUnavailable("away")])
def test_one_that_fails_stops_no_other_and_comes_again(bench: Bench, clock: Clock, error: Exception) -> None:
    failing, good = Counted(error), Counted()
    schedule = Schedule((Task("failing", 10.0, failing), Task("good", 10.0, good)))

    schedule.run_due(bench.parts)
    clock.seconds += 10
    schedule.run_due(bench.parts)

    assert (failing.times, good.times) == (2, 2)


def test_nothing_new_begins_while_the_worker_stops(bench: Bench) -> None:
    counted = Counted()
    bench.stopping = True

    Schedule((Task("one", 10.0, counted),)).run_due(bench.parts)

    assert counted.times == 0


def test_the_table_of_the_worker_runs_over_an_empty_store(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    table = tasks(bench.parts)

    Schedule(table).run_due(bench.parts)

    names = {"trades", "match", "settle", "tidy", "adapt", "prune", "exports", "models", "trainings"}
    assert {task.name for task in table} == names
    assert bench.tidied == [NOW_MS]
    assert "failed" not in caplog.text


def test_what_has_waited_a_whole_period_is_adapted_unasked(bench: Bench) -> None:
    trade(bench.database, range(20))

    def asked_for(at_ms: int) -> list[Mapping[str, object]]:
        bench.now_ms = at_ms
        adapt_what_waits(bench.parts)
        with bench.store.read() as reading:
            return [job.request for job in reading.open_jobs("adapt_all")]

    soon = asked_for(evening(19) + 3_600_000)
    late = asked_for(evening(20) + 3_600_000)

    assert soon == []
    assert late == [{"unasked": True}]


def test_a_worker_that_was_told_not_to_adapts_nothing_unasked(bench: Bench) -> None:
    trade(bench.database, range(20))
    bench.now_ms = evening(30)
    bench.parts.adapts_by_itself = False

    adapt_what_waits(bench.parts)

    with bench.store.read() as reading:
        assert reading.open_jobs() == []


@pytest.mark.parametrize("settles", [True, False])
def test_what_nobody_reported_is_settled_until_a_report_comes(bench: Bench, settles: bool) -> None:
    candles = walk(100, first_ms=FIRST_MS)
    with bench.parts.market.taking(BTC, candles) as taking:
        taking.add(candles)
    bench.parts.recorder.record([rejected("d-1", FIRST_MS + 1)], 0)
    bench.now_ms = FIRST_MS + 20 * HOUR_MS
    bench.parts.settles_by_itself = settles

    settle_what_nobody_told(bench.parts)
    bench.parts.recorder.keep([outcome("own", decision_id="d-1", accepted=False)], bench.now_ms)
    hand_out(bench.parts)

    with bench.store.read() as reading:
        found = {one.outcome.trade_id: one.superseded_by for one in reading.outcomes("ada", Period(), None, 10).items}
    assert found == ({"own": None, "settled:d-1": "own"} if settles else {"own": None})


def test_a_training_that_was_killed_on_this_host_has_failed(bench: Bench) -> None:
    with bench.store.begin() as tx:
        tx.save_model(model_record("m-1", "TRAINING"))
    run = TrainingRuns(bench.folder / "training").begin("plan")
    run.note({"xgboost": "m-1"})

    told = []
    for end in (lambda: None, run.let_go):
        end()
        tell_of_killed_trainings(bench.parts)
        with bench.store.read() as reading:
            model = reading.model("m-1")
        assert model is not None
        told.append(model.status)

    assert told == ["TRAINING", "FAILED"]


def test_a_clock_that_ran_ahead_takes_no_models_files_away(bench: Bench) -> None:
    registry = Registry(bench.store, bench.parts.shelf)
    records = [registry.register(name) for name in ("first", "second", "third")]
    for record in records:
        registry.promote(record.set_id)
    bench.parts.recorder.record([rejected("today")], 0)
    for path in (bench.folder / "shelf").rglob("*"):
        os.utime(path, (1_000, 1_000))

    bench.now_ms = NOW_MS + 400 * DAY_MS
    tidy_old_models(bench.parts)
    assert bench.parts.shelf.read(records[0].graph_sha256)
    bench.parts.recorder.record([rejected("later", at_ms=bench.now_ms)], 0)
    tidy_old_models(bench.parts)

    with pytest.raises(ModelRefused, match="found none"):
        bench.parts.shelf.read(records[0].graph_sha256)
    assert bench.parts.shelf.read(records[1].graph_sha256)
