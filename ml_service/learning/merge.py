"""One graph of several models: what serves is opened once and run once, whatever a set is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, inliner, numpy_helper, version_converter

from ml_service.domain.models.distance import Nearness
from ml_service.errors import ModelRefused

OPSET = 18
"""Of the operators in general. Members made with an older set are converted; one of a newer set raises it for all."""

IR_VERSION = 10
TREES, TREES_MAX = "ai.onnx.ml", 4
"""From version 5 on, trees are written in another way, and the earlier ones no longer belong to the set."""

ROWS, RISES, DISTANCE = "rows", "rises", "distance"


Step = tuple[str, list[str], str, dict[str, int]]
"""The operator, what it is given, what it makes, its options."""


@dataclass(frozen=True, slots=True)
class Part:
    """One member's file."""

    onnx: bytes
    rows_back: int


def merged(parts: Sequence[Part], near: Nearness) -> bytes:
    """Input `rows` [batch, row, feature]; outputs `rises` [batch, member] and `distance` [batch], of the newest row.

    The same parts make the same bytes.
    """
    assert parts
    rows_back = max(part.rows_back for part in parts)
    models = level([opened(part.onnx) for part in parts])
    nodes, constants = list[onnx.NodeProto](), list[onnx.TensorProto]()
    for number, (part, model) in enumerate(zip(parts, models, strict=True)):
        prefix = f"m{number}/"
        named = compose.add_prefix(model, prefix)
        nodes += newest_rows(part.rows_back, rows_back, f"{prefix}{ROWS}", constants)
        nodes += named.graph.node
        constants += named.graph.initializer
        nodes.append(helper.make_node("Reshape", [f"{prefix}{RISES}", "column"], [f"{prefix}column"]))
    constants.append(numpy_helper.from_array(np.array([-1, 1], np.int64), "column"))
    columns = [f"m{number}/column" for number in range(len(parts))]
    nodes.append(helper.make_node("Concat", columns, [RISES], axis=1))
    nodes += distance_nodes(near, constants)
    features = len(near.center)
    graph = helper.make_graph(
        nodes,
        "set",
        [helper.make_tensor_value_info(ROWS, TensorProto.FLOAT, ["batch", rows_back, features])],
        [
            helper.make_tensor_value_info(RISES, TensorProto.FLOAT, ["batch", len(parts)]),
            helper.make_tensor_value_info(DISTANCE, TensorProto.FLOAT, ["batch"]),
        ],
        constants,
    )
    for node in graph.node:
        # Where a node came from in the source, and the like, has no place in what is compared byte for byte.
        node.ClearField("doc_string")
        del node.metadata_props[:]
    made = helper.make_model(graph, opset_imports=imports(models), ir_version=IR_VERSION)
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def opened(content: bytes) -> onnx.ModelProto:
    """A member's model, with what it calls functions written out."""
    model = onnx.load_model_from_string(content)
    names = [one.name for one in model.graph.input], [one.name for one in model.graph.output]
    if names != ([ROWS], [RISES]):
        raise ModelRefused(f"a member's graph: expected {ROWS} in and {RISES} out, found {names[0]} and {names[1]}")
    return inliner.inline_local_functions(model) if model.functions else model


def level(models: Sequence[onnx.ModelProto]) -> list[onnx.ModelProto]:
    """All by the same set of operators."""
    wanted = max(OPSET, *(version_of(model, "") for model in models))
    return [
        model if version_of(model, "") == wanted else version_converter.convert_version(model, wanted)
        for model in models
    ]


def version_of(model: onnx.ModelProto, domain: str) -> int:
    return max((one.version for one in model.opset_import if plain(one.domain) == domain), default=0)


def plain(domain: str) -> str:
    """Two names of one domain."""
    return "" if domain == "ai.onnx" else domain


def imports(models: Iterable[onnx.ModelProto]) -> list[onnx.OperatorSetIdProto]:
    """Of every domain once, in order, at the highest version that a member wants."""
    versions: dict[str, int] = {}
    for model in models:
        used = {plain(node.domain) for node in model.graph.node}
        for one in model.opset_import:
            domain = plain(one.domain)
            if domain in used:
                versions[domain] = max(versions.get(domain, 1), one.version)
    foreign = sorted(set(versions) - {"", TREES})
    if foreign:
        raise ModelRefused(f"a member's graph: expected standard operators only, found {', '.join(foreign)}")
    if versions.get(TREES, 0) > TREES_MAX:
        raise ModelRefused(f"a member's graph: expected {TREES} up to {TREES_MAX}, found {versions[TREES]}")
    versions.setdefault("", OPSET)
    return [helper.make_opsetid(domain, version) for domain, version in sorted(versions.items())]


def newest_rows(wanted: int, given: int, name: str, constants: list[onnx.TensorProto]) -> list[onnx.NodeProto]:
    """The last of the rows that are given, as many as a member wants."""
    if wanted == given:
        return [helper.make_node("Identity", [ROWS], [name])]
    bounds = {"from": -wanted, "to": np.iinfo(np.int64).max, "along": 1}
    names = [f"{name}/{what}" for what in bounds]
    constants += [
        numpy_helper.from_array(np.array([value], np.int64), each)
        for each, value in zip(names, bounds.values(), strict=True)
    ]
    return [helper.make_node("Slice", [ROWS, *names], [name])]


def distance_nodes(near: Nearness, constants: list[onnx.TensorProto]) -> list[onnx.NodeProto]:
    """As `domain.models.distance` has it, on the newest row; not a number where nothing that counts is there."""
    values: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {
        "newest": np.array(-1, np.int64),
        "center": near.center.astype(np.float32),
        "scale": near.scale.astype(np.float32),
        "counts": np.array(near.plain.inverse.any(axis=1), np.float32),
        "nothing": np.array(0.0, np.float32),
        "never": np.array(np.nan, np.float32),
        "last": np.array([1], np.int64),
    }
    for name, one in (("plain", near.plain), ("held", near.held)):
        values |= {f"{name}/mean": one.mean.astype(np.float32), f"{name}/inverse": one.inverse.astype(np.float32)}
    constants += [numpy_helper.from_array(value, f"d/{name}") for name, value in values.items()]
    steps: tuple[Step, ...] = (
        ("Gather", [ROWS, "newest"], "row", {"axis": 1}),
        ("IsNaN", ["row"], "missing", {}),
        ("Sub", ["row", "center"], "aside", {}),
        ("Mul", ["aside", "scale"], "scaled", {}),
        ("Asinh", ["scaled"], "tame", {}),
        *square_steps("plain", "row"),
        *square_steps("held", "tame"),
        # What is not a number has to stay so, or it would pass for near: the plain one is kept unless it is smaller.
        ("Greater", ["held/square", "plain/square"], "held/farther", {}),
        ("Where", ["held/farther", "held/square", "plain/square"], "square", {}),
        ("Sqrt", ["square"], "far", {}),
        ("Where", ["missing", "nothing", "counts"], "told", {}),
        ("ReduceMax", ["told", "last"], "any", {"keepdims": 0}),
        ("Greater", ["any", "nothing"], "there", {}),
        ("Where", ["there", "far", "never"], DISTANCE, {}),
    )
    return [
        helper.make_node(kind, [inside(name) for name in given], [inside(made)], **options)
        for kind, given, made, options in steps
    ]


def square_steps(name: str, of: str) -> tuple[Step, ...]:
    """zᵀ P z of one measure."""
    return (
        ("Sub", [of, f"{name}/mean"], f"{name}/off", {}),
        ("Where", ["missing", "nothing", f"{name}/off"], f"{name}/z", {}),
        ("MatMul", [f"{name}/z", f"{name}/inverse"], f"{name}/turned", {}),
        ("Mul", [f"{name}/turned", f"{name}/z"], f"{name}/products", {}),
        ("ReduceSum", [f"{name}/products", "last"], f"{name}/sum", {"keepdims": 0}),
        # Rounding may leave a small negative sum.
        ("Abs", [f"{name}/sum"], f"{name}/square", {}),
    )


def inside(name: str) -> str:
    return name if name in (ROWS, DISTANCE) else f"d/{name}"
