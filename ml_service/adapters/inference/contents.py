"""What an ONNX file would ask of this service, read before anything is made of it."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from ml_service.errors import ModelRefused

DOMAINS = frozenset(("", "ai.onnx", "ai.onnx.ml"))

TEXT, NUMBER, MESSAGE = 9, 3, 11
"""As protobuf numbers the kinds of fields."""

SHAPE: dict[str, tuple[tuple[str, int, int, str], ...]] = {
    "Model": (("graph", 7, MESSAGE, "Graph"), ("opset", 8, MESSAGE, "Opset"), ("functions", 25, MESSAGE, "Rest")),
    "Opset": (("domain", 1, TEXT, ""),),
    "Graph": (
        ("nodes", 1, MESSAGE, "Node"),
        ("initializers", 5, MESSAGE, "Tensor"),
        ("sparse_initializers", 15, MESSAGE, "Sparse"),
    ),
    "Node": (("attributes", 5, MESSAGE, "Attribute"), ("domain", 7, TEXT, "")),
    "Attribute": (
        ("tensor", 5, MESSAGE, "Tensor"),
        ("graph", 6, MESSAGE, "Graph"),
        ("tensors", 10, MESSAGE, "Tensor"),
        ("graphs", 11, MESSAGE, "Graph"),
        ("sparse", 22, MESSAGE, "Sparse"),
        ("all_sparse", 23, MESSAGE, "Sparse"),
    ),
    "Sparse": (("values", 1, MESSAGE, "Tensor"), ("indices", 2, MESSAGE, "Tensor")),
    "Tensor": (("outside", 13, MESSAGE, "Rest"), ("location", 14, NUMBER, "")),
    "Rest": (),
}
"""The fields of ONNX that matter here: name, number, kind, and of which message. The parser passes over all others."""


def parser() -> Any:
    """The class of a whole file. All its fields are lists: what may stand once may as well stand often."""
    file = descriptor_pb2.FileDescriptorProto(name="onnx_asks.proto", package="asks", syntax="proto2")
    for name, fields in SHAPE.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            message.field.add(name=field, number=number, type=kind, label=3, type_name=f".asks.{of}" if of else None)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("asks.Model"))


MODEL = parser()


def check_contents(content: bytes) -> None:
    """`ModelRefused` where it is no ONNX file, or wants operators, functions or files from elsewhere."""
    try:
        model = MODEL.FromString(content)
    except DecodeError as error:
        raise ModelRefused("expected an ONNX file, found something else") from error
    if not model.graph:
        raise ModelRefused("expected an ONNX file with a graph, found none")
    if model.functions:
        raise ModelRefused(f"expected no functions of its own in the graph, found {len(model.functions)}")
    check_domains(one.domain for one in model.opset)
    for graph in model.graph:
        check_graph(graph)


def check_graph(graph: Any) -> None:
    check_tensors(graph.initializers)
    check_sparse(graph.sparse_initializers)
    for node in graph.nodes:
        check_domains([node.domain])
        for attribute in node.attributes:
            check_tensors(attribute.tensor)
            check_tensors(attribute.tensors)
            check_sparse(attribute.sparse)
            check_sparse(attribute.all_sparse)
            for inner in (*attribute.graph, *attribute.graphs):
                check_graph(inner)


def check_domains(domains: Any) -> None:
    found = {name for names in domains for name in names} - DOMAINS
    if found:
        raise ModelRefused(f"expected standard operators only, found the domain {', '.join(sorted(found))}")


def check_sparse(tensors: Any) -> None:
    for one in tensors:
        check_tensors(one.values)
        check_tensors(one.indices)


def check_tensors(tensors: Any) -> None:
    for one in tensors:
        if one.outside or any(one.location):
            raise ModelRefused("expected all of the graph in one file, found a reference to another")
