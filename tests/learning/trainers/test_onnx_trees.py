"""Trees as a graph."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.features.schema import Schema
from ml_service.learning.trainers.header import Header
from ml_service.learning.trainers.onnx_trees import Goes, Tree, at_most, graph_of_trees
from ml_service.learning.trainers.preparation import Preparation

SINGLE = st.floats(allow_nan=False, width=32)


@given(SINGLE, st.floats(allow_nan=False))
def test_a_number_goes_the_same_way_at_a_rounded_threshold(value: float, threshold: float) -> None:
    (rounded,) = at_most(np.array([threshold]))

    assert (np.float32(value) <= rounded) == (value <= threshold)


@given(SINGLE)
def test_a_number_that_lies_on_a_threshold_is_at_most_it(value: float) -> None:
    (rounded,) = at_most(np.array([value]))

    assert np.float32(value) <= rounded


def stump(missing_left: bool) -> Tree:
    """Below 1, or at most 1: 2; else -3."""
    return Tree(
        feature=np.array([0, 0, 0]),
        threshold=np.array([1.0, 0.0, 0.0], np.float32),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        missing_left=np.array([missing_left, False, False]),
        value=np.array([0.0, 2.0, -3.0]),
    )


def asked(tree: Tree, goes: Goes, values: list[float], *, log_odds: bool = True) -> list[float]:
    preparation = Preparation(center=(0.0,), inverse=(1.0,), masked=(1.0,))
    header = Header("stump", Schema(1, ("rsi",), "0" * 16), 1, {}, 0, "cpu", 1, preparation)
    session = onnxruntime.InferenceSession(graph_of_trees([tree, tree], goes, header, log_odds=log_odds))
    (rises,) = session.run(["rises"], {"rows": np.array(values, np.float32).reshape(-1, 1, 1)})
    told: list[float] = rises.tolist()
    return told


def squashed(odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-odds)))


def test_a_value_on_the_threshold_goes_where_its_library_sends_it() -> None:
    assert asked(stump(False), "BRANCH_LEQ", [1.0]) == pytest.approx([squashed(4.0)], abs=1e-6)
    assert asked(stump(False), "BRANCH_LT", [1.0]) == pytest.approx([squashed(-6.0)], abs=1e-6)


def test_a_missing_value_goes_where_its_library_sends_it() -> None:
    assert asked(stump(True), "BRANCH_LT", [np.nan]) == pytest.approx([squashed(4.0)], abs=1e-6)
    assert asked(stump(False), "BRANCH_LT", [np.nan]) == pytest.approx([squashed(-6.0)], abs=1e-6)


def test_leaves_that_are_chances_add_up_to_one_at_most() -> None:
    assert asked(stump(False), "BRANCH_LEQ", [0.0, 2.0], log_odds=False) == [1.0, 0.0]
