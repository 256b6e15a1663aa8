"""A graph is tried before it speaks: one that is slow, or never ends, is refused by name."""

import threading
import time

import numpy as np
import pytest

from ml_service.adapters.inference import trial
from ml_service.adapters.inference.graph import open_graph
from ml_service.adapters.inference.trial import in_time, tried
from ml_service.errors import ModelRefused, TooSlow
from tests.champions import certain, graph_of, slowed
from tests.learning.members import FEATURES
from tests.models import model_set

GOOD = graph_of([certain(1.0)])
MODELS = model_set()
FOR_EVER = 10**12


def test_a_quick_graph_passes_and_says_what_it_said() -> None:
    graph = open_graph(GOOD)

    assert in_time(tried(graph, MODELS), MODELS) is graph


def test_a_graph_that_is_made_slow_says_the_same() -> None:
    rows = np.zeros((3, 1, FEATURES), np.float32)
    quick, slow = (open_graph(content).run(rows) for content in (GOOD, slowed(GOOD, 10)))

    assert {name: values.tolist() for name, values in quick.items()} == {
        name: values.tolist() for name, values in slow.items()
    }


def test_a_slow_graph_is_refused_with_what_it_takes() -> None:
    with pytest.raises(TooSlow, match=r"at most 0\.5 ms a row, found one of [\d.]+ ms"):
        in_time(open_graph(slowed(GOOD, 2_000)), MODELS, 0.5)


def test_a_graph_that_never_ends_is_ended_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "CUT_OFF_SECONDS", 0.1)
    began = time.monotonic()

    with pytest.raises(TooSlow, match=r"within 0\.1 s, found one that does not end"):
        tried(open_graph(slowed(GOOD, FOR_EVER)), MODELS)

    assert time.monotonic() - began < 5.0


def test_a_good_graph_is_not_refused_because_others_keep_the_machine_busy() -> None:
    graph, stop = open_graph(slowed(GOOD, 50)), threading.Event()
    busy = [threading.Thread(target=spin, args=(stop,)) for _ in range(6)]
    for thread in busy:
        thread.start()
    try:
        assert in_time(graph, MODELS, 20.0) is graph
    finally:
        stop.set()
        for thread in busy:
            thread.join(5)


def spin(stop: threading.Event) -> None:
    graph, rows = open_graph(slowed(GOOD, 500)), np.zeros((1, 1, FEATURES), np.float32)
    while not stop.is_set():
        graph.run(rows)


def test_one_with_outputs_of_another_set_is_refused() -> None:
    with pytest.raises(ModelRefused, match="the graph's outputs: expected"):
        tried(open_graph(GOOD), model_set(member_ids=("m-1", "m-2")))
