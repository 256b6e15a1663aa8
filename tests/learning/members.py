"""Small members for tests: graphs whose figures are known without a training library."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ml_service.domain.models.distance import nearness
from ml_service.learning.merge import Part, merged

FEATURES = 25


def linear_member(
    weights: Sequence[float], bias: float = 0.0, rows_back: int = 1, opset: int = 18, hint: str = ""
) -> bytes:
    """The squashed weighted sum of the mean of its rows; what is missing counts as 0."""
    constants = {
        "weights": np.array(weights, np.float32)[:, None],
        "bias": np.array(bias, np.float32),
        "zero": np.array(0.0, np.float32),
        "flat": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("IsNaN", ["rows"], ["missing"], doc_string=hint),
        helper.make_node("Where", ["missing", "zero", "rows"], ["there"]),
        helper.make_node("Transpose", ["there"], ["turned"], perm=[1, 0, 2]),
        helper.make_node("ReduceMean", ["turned"], ["mean"], axes=[0], keepdims=0)
        if opset < 18
        else helper.make_node("ReduceMean", ["turned", "first"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["odds"]),
        helper.make_node("Sigmoid", ["odds"], ["chance"]),
        helper.make_node("Reshape", ["chance", "flat"], ["rises"]),
    ]
    if opset >= 18:
        constants["first"] = np.array([0], np.int64)
    return model_bytes(nodes, constants, rows_back, opset)


def linear_rises(rows: np.ndarray, weights: Sequence[float], bias: float = 0.0, rows_back: int = 1) -> np.ndarray:
    """The same in numpy."""
    mean = np.nan_to_num(rows[:, -rows_back:], nan=0.0).mean(axis=1)
    rises: np.ndarray = 1.0 / (1.0 + np.exp(-(mean @ np.array(weights) + bias)))
    return rises


def model_bytes(nodes, constants, rows_back: int = 1, opset: int = 18, domains=(), functions=()) -> bytes:
    graph = helper.make_graph(
        nodes,
        "member",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", rows_back, FEATURES])],
        [helper.make_tensor_value_info("rises", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
    made: onnx.ModelProto = helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=10)
    content: bytes = made.SerializeToString()
    return content


def set_graph(name: str, members: int, rows_back: int = 1) -> bytes:
    """A graph of so many members that runs; of another name, it is another one."""
    odds = int.from_bytes(sha256(name.encode()).digest()[:2]) / 65_536
    parts = [Part(linear_member(axis(0, 0.0), odds + number, rows_back), rows_back) for number in range(members)]
    return merged(parts, nearness(np.zeros((2, FEATURES), np.float32)))


def axis(place: int, value: float = 1.0) -> list[float]:
    """Weights that hear one feature alone."""
    return [value if number == place else 0.0 for number in range(FEATURES)]
