"""The schedule: what is due runs, once per interval, and one failure stops no other."""

import time

import pytest

from ml_service.errors import StoreUnavailable
from ml_service.worker.parts import Parts
from ml_service.worker.schedule import Schedule, Task, tasks
from tests.builders import NOW_MS
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

    assert {task.name for task in table} == {"trades", "tidy", "prune"}
    assert bench.tidied == [NOW_MS]
    assert "failed" not in caplog.text
