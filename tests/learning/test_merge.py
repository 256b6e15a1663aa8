"""Merging: the one graph says what each of its members says, and how far a row is from home."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from ml_service.domain.models.distance import distances, nearness
from ml_service.errors import ModelRefused
from ml_service.learning.merge import Part, merged
from tests.learning.members import FEATURES, axis, linear_member, linear_rises, model_bytes

DRAWN = np.random.default_rng(7)
TRAINING = DRAWN.normal(3.0, 2.0, (500, FEATURES)).astype(np.float32)
NEAR = nearness(TRAINING)


def run(content: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(content)
    rises, distance = session.run(["rises", "distance"], {"rows": rows})
    return rises, distance


@pytest.mark.parametrize("batch", [1, 2, 7, 256])
def test_each_member_is_asked_about_as_many_rows_as_it_wants(batch: int) -> None:
    some, other = DRAWN.normal(0, 0.2, (2, FEATURES)).tolist()
    parts = [Part(linear_member(some), 1), Part(linear_member(other, 0.3, rows_back=4), 4)]
    rows = DRAWN.normal(0, 1, (batch, 4, FEATURES)).astype(np.float32)
    rows[0, -1, 3] = np.nan

    rises, _ = run(merged(parts, NEAR), rows)

    expected = np.stack([linear_rises(rows, some), linear_rises(rows, other, 0.3, 4)], axis=1)
    assert rises == pytest.approx(expected, abs=1e-6)


def test_a_set_of_one_is_a_set() -> None:
    rises, distance = run(merged([Part(linear_member(axis(0)), 1)], NEAR), TRAINING[:3, None])

    assert (rises.shape, distance.shape) == ((3, 1), (3,))


def test_the_graph_tells_the_distance_of_the_newest_row() -> None:
    rows = np.stack([TRAINING[:40] + 100.0, TRAINING[:40]], axis=1)
    rows[3, 1, 5] = np.nan

    _, distance = run(merged([Part(linear_member(axis(0), rows_back=2), 2)], NEAR), rows)

    assert distance == pytest.approx(distances(rows[:, -1], NEAR), rel=1e-3)
    assert (distance < NEAR.limit).all()


def test_members_of_other_operator_sets_speak_in_one_graph() -> None:
    parts = [Part(linear_member(axis(0), opset=15), 1), Part(linear_member(axis(1), opset=19), 1)]
    rows = DRAWN.normal(0, 1, (5, 1, FEATURES)).astype(np.float32)

    content = merged(parts, NEAR)

    expected = np.stack([linear_rises(rows, axis(0)), linear_rises(rows, axis(1))], axis=1)
    assert run(content, rows)[0] == pytest.approx(expected, abs=1e-6)
    assert [(one.domain, one.version) for one in onnx.load_model_from_string(content).opset_import] == [("", 19)]


def test_the_same_members_make_the_same_bytes_wherever_they_were_written() -> None:
    here = merged([Part(linear_member(axis(0), hint="/home/ada/net.py:7"), 1)], NEAR)
    there = merged([Part(linear_member(axis(0), hint="/srv/net.py:7"), 1)], NEAR)

    assert here == there


def test_a_function_of_a_member_is_written_out() -> None:
    twice = helper.make_function(
        "own", "Twice", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], [helper.make_opsetid("", 18)]
    )
    nodes = [
        helper.make_node("ReduceMax", ["rows", "axes"], ["most"], keepdims=0),
        helper.make_node("Twice", ["most"], ["odds"], domain="own"),
        helper.make_node("Sigmoid", ["odds"], ["rises"]),
    ]
    part = Part(model_bytes(nodes, {"axes": np.array([1, 2])}, domains=["own"], functions=[twice]), 1)
    rows = DRAWN.normal(0, 1, (5, 1, FEATURES)).astype(np.float32)

    rises, _ = run(merged([part], NEAR), rows)

    assert rises[:, 0] == pytest.approx(1.0 / (1.0 + np.exp(-2.0 * rows.max(axis=(1, 2)))), abs=1e-6)


def test_an_operator_of_a_domain_of_its_own_is_refused() -> None:
    nodes = [helper.make_node("Foreign", ["rows"], ["rises"], domain="some.vendor")]

    with pytest.raises(ModelRefused, match=r"some\.vendor"):
        merged([Part(model_bytes(nodes, {}, domains=["some.vendor"]), 1)], NEAR)


def test_a_graph_with_other_names_is_refused() -> None:
    nodes = [helper.make_node("ReduceMean", ["rows", "axes"], ["rises"], keepdims=0)]
    model = onnx.load_model_from_string(model_bytes(nodes, {"axes": np.array([1, 2])}))
    model.graph.output[0].name = "probabilities"

    with pytest.raises(ModelRefused, match="probabilities"):
        merged([Part(model.SerializeToString(), 1)], NEAR)


def test_a_row_without_any_value_has_no_distance() -> None:
    nothing = np.full((1, FEATURES), np.nan, np.float32)

    _, distance = run(merged([Part(linear_member(axis(0)), 1)], NEAR), nothing[:, None])

    assert np.isnan(distance).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e30])
def test_a_boundless_value_is_never_near(value: float) -> None:
    rows = TRAINING[:2, None].copy()
    rows[0, 0, 3] = value

    _, distance = run(merged([Part(linear_member(axis(0)), 1)], NEAR), rows)

    assert (distance <= NEAR.limit).tolist() == [False, True]


def test_a_feature_that_was_never_there_and_one_that_is_missing_take_no_part() -> None:
    training = TRAINING.copy()
    training[:, 4] = np.nan
    near = nearness(training)
    rows = np.stack([TRAINING[:1]] * 3)
    rows[1, 0, 4] = 1e6
    rows[2, 0, 5] = np.nan

    _, (usual, unknown, missing) = run(merged([Part(linear_member(axis(0)), 1)], near), rows)

    assert usual == unknown
    assert missing < near.limit
