"""Graphs: what is opened says what it said in training, and what asks for more than that is not opened."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ml_service.adapters.inference.graph import open_graph
from ml_service.errors import ModelRefused
from tests.learning.members import FEATURES, axis, linear_member, linear_rises, model_bytes

DRAWN = np.random.default_rng(3)
GOOD = linear_member(axis(2, 1.5), 0.2)


def changed(change, content: bytes = GOOD) -> bytes:
    model = onnx.load_model_from_string(content)
    change(model)
    written: bytes = model.SerializeToString()
    return written


@pytest.mark.parametrize("batch", [1, 2, 7, 256])
def test_a_graph_says_what_it_was_made_to_say(batch: int) -> None:
    rows = DRAWN.normal(0, 1, (batch, 1, FEATURES)).astype(np.float32)
    rows[0, 0, 5] = np.nan

    rises = open_graph(GOOD).run(rows)["rises"]

    assert rises == pytest.approx(linear_rises(rows, axis(2, 1.5), 0.2), abs=1e-6)


def test_it_tells_what_runs_it() -> None:
    assert open_graph(GOOD).provider == "CPUExecutionProvider"


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95", b"not a model at all", GOOD[:200]], ids=len)
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelRefused):
        open_graph(content)


def test_one_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(ModelRefused, match=rf"at most 100 bytes, found {len(GOOD)}"):
        open_graph(GOOD, bytes_max=100)


def test_an_operator_from_elsewhere_is_refused() -> None:
    nodes = [helper.make_node("Gelu", ["rows"], ["rises"], domain="com.microsoft")]

    with pytest.raises(ModelRefused, match=r"com\.microsoft"):
        open_graph(model_bytes(nodes, {}, domains=["com.microsoft"]))


def test_an_operator_from_elsewhere_inside_a_branch_is_refused() -> None:
    inner = helper.make_graph(
        [helper.make_node("Gelu", ["rows"], ["x"], domain="com.microsoft")],
        "then",
        [],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
    )
    nodes = [helper.make_node("If", ["yes"], ["rises"], then_branch=inner, else_branch=inner)]
    content = model_bytes(nodes, {"yes": np.array(True)})

    with pytest.raises(ModelRefused, match=r"com\.microsoft"):
        open_graph(content)


def test_a_function_of_its_own_is_refused() -> None:
    own = helper.make_function("own", "Same", ["x"], ["y"], [helper.make_node("Identity", ["x"], ["y"])], [])

    with pytest.raises(ModelRefused, match="functions"):
        open_graph(changed(lambda model: model.functions.append(own)))


def outside() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "weights2")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/hostname")
    return tensor


def test_data_in_another_file_is_refused() -> None:
    with pytest.raises(ModelRefused, match="reference to another"):
        open_graph(changed(lambda model: model.graph.initializer.append(outside())))


def test_data_in_another_file_is_refused_as_an_attribute_too() -> None:
    constant = helper.make_node("Constant", [], ["aside"], value=outside())

    with pytest.raises(ModelRefused, match="reference to another"):
        open_graph(changed(lambda model: model.graph.node.append(constant)))


def test_an_unknown_operator_is_refused_with_its_name() -> None:
    nodes = [helper.make_node("NoSuchThing", ["rows"], ["rises"])]

    with pytest.raises(ModelRefused, match="NoSuchThing"):
        open_graph(model_bytes(nodes, {}))


def test_a_graph_with_other_inputs_is_refused() -> None:
    def rename(model: onnx.ModelProto) -> None:
        model.graph.input[0].name = model.graph.node[0].input[0] = model.graph.node[1].input[2] = "values"

    with pytest.raises(ModelRefused, match=r"one input rows .*values"):
        open_graph(changed(rename))
