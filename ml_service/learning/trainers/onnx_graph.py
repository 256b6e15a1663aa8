"""ONNX graphs as all models here share them: `rows` [batch, rows_back, features] in, `rises` [batch] out.

Everything stands in one graph, without data beside it, and two equal models are equal byte for byte.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from ml_service.learning.trainers.header import Header

OPSET = 18
ML_OPSET = 3
IR_VERSION = 10
"""One for all, so that several graphs can become one."""


class Parts:
    """A graph as it grows: nodes, and the numbers that they use."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.numbers: list[TensorProto] = []

    def number(self, name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        self.numbers.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, *, domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output


def finished(parts: Parts, header: Header) -> bytes:
    width = len(header.schema.names)
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", header.rows_back, width])
    rises = helper.make_tensor_value_info("rises", TensorProto.FLOAT, ["batch"])
    graph = helper.make_graph(parts.nodes, header.model, [rows], [rises], parts.numbers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return sealed(helper.make_model(graph, opset_imports=opsets), header.model)


def sealed(model: ModelProto, name: str) -> bytes:
    """Without what a library adds of itself: its version, and the places of its source files."""
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version, model.doc_string = "ml_service", "", ""
    model.graph.name, model.graph.doc_string = name, ""
    for bare in (model, model.graph):
        bare.ClearField("metadata_props")
    model.graph.ClearField("value_info")
    graph = model.graph
    for told in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        told.ClearField("metadata_props")
        told.ClearField("doc_string")
    checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
