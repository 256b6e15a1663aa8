"""A graph is tried before it speaks: it runs, says what its set expects, and no decision has to wait for it."""

import time
from collections.abc import Mapping
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ml_service.adapters.inference.graph import DISTANCE, RISES, OnnxGraph
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.speaking import SLOWEST_MS
from ml_service.errors import ModelRefused, TooSlow
from ml_service.features.schema import SCHEMA

RUNS = 9
CUT_OFF_SECONDS = 2.0
"""A run that lasts longer is ended. Nothing ends one that a decision waits for."""


def tried(graph: OnnxGraph, models: ModelSet) -> OnnxGraph:
    """Run once, so that the first decision does not pay for it: two rows of which nothing is known."""
    shapes = {name: values.shape for name, values in run(graph, unknown(2, models)).items()}
    expected = {RISES: (2, len(models.members)), DISTANCE: (2,)}
    if shapes != expected:
        raise ModelRefused(f"the graph's outputs: expected {expected}, found {shapes}")
    return graph


def in_time(graph: OnnxGraph, models: ModelSet, slowest_ms: float = SLOWEST_MS) -> OnnxGraph:
    """`TooSlow` where one row takes longer, as a rule."""
    rows, taken = unknown(1, models), list[float]()
    while len(taken) < RUNS and sum(taken) < CUT_OFF_SECONDS:
        # Of this thread alone, on which a graph runs: on a busy machine a good one must not be refused.
        began = time.thread_time()
        run(graph, rows)
        taken.append(time.thread_time() - began)
    usual_ms = 1000 * median(taken)
    if usual_ms > slowest_ms:
        raise TooSlow(f"expected a graph that takes at most {slowest_ms:g} ms a row, found one of {usual_ms:.1f} ms")
    return graph


def run(graph: OnnxGraph, rows: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    try:
        return graph.run_within(rows, CUT_OFF_SECONDS)
    except ModelRefused:
        raise
    except Exception as error:
        raise ModelRefused(f"the graph does not run on rows of {rows.shape[1:]}: {error}") from error


def unknown(count: int, models: ModelSet) -> NDArray[np.float32]:
    return np.full((count, models.rows_back, len(SCHEMA.names)), np.nan, np.float32)
