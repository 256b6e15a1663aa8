"""A run is held by its process alone, and its rows outlive it."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from ml_service.adapters.training_runs import TrainingRuns

SOON = 20.0
SPAWN = multiprocessing.get_context("spawn")
ROWS = {"xgboost": "m-1", "lstm": "m-2"}


def train(folder: Path, pipe: Connection) -> None:
    """The other process: at it until it is killed."""
    run = TrainingRuns(folder).begin("plan")
    run.note({**ROWS, "forest": "a longer one that is left out in the end"})
    run.note(ROWS)
    pipe.send("at it")
    pipe.recv()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[BaseProcess]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=train, args=(tmp_path, theirs))
    process.start()
    assert ours.poll(SOON)
    yield process
    process.kill()
    process.join(SOON)


def test_a_run_is_told_of_once_its_process_was_killed_and_only_once(tmp_path: Path, other: BaseProcess) -> None:
    runs = TrainingRuns(tmp_path)
    assert list(runs.killed()) == []

    other.kill()
    other.join(SOON)

    assert list(runs.killed()) == [ROWS]
    assert list(runs.killed()) == []
    assert list(tmp_path.iterdir()) == []


def test_the_same_again_has_the_rows_of_the_one_that_was_killed_and_no_others(
    tmp_path: Path, other: BaseProcess
) -> None:
    runs = TrainingRuns(tmp_path)
    beside = runs.begin("plan")
    assert beside.rows() == {}
    other.kill()
    other.join(SOON)

    again = runs.begin("plan")

    assert again.rows() == ROWS
    assert list(runs.killed()) == []
    again.forget()
    beside.forget()
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_told_is_told_again(tmp_path: Path) -> None:
    runs = TrainingRuns(tmp_path)
    run = runs.begin("plan")
    run.note(ROWS)
    run.let_go()

    looked_at = runs.killed()
    assert next(looked_at) == ROWS
    del looked_at

    assert list(runs.killed()) == [ROWS]


@pytest.mark.parametrize("left", [b"", b'{"xgb', b"[1]", b"\xff"])
def test_what_a_power_cut_left_names_nobody(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "plan.run").write_bytes(left)

    assert list(TrainingRuns(tmp_path).killed()) == [{}]
    assert list(TrainingRuns(tmp_path / "nowhere").killed()) == []
