"""Champions for tests, made as real ones are: members merged into a graph, on a shelf, in a signed set, promoted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ml_service.domain.models.distance import nearness
from ml_service.domain.models.record import record_of
from ml_service.domain.models.set_document import SignedSet, signed_set
from ml_service.domain.models.sets import Member, ModelSet
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.slots import Place, Slot
from ml_service.learning.merge import Part, merged
from ml_service.ports import Shelf, Store
from tests.builders import NOW_MS
from tests.learning.members import FEATURES, axis, linear_member
from tests.models import KEY, PLACE, model_record, model_set, reign

FLAT = Part(linear_member(axis(0, 0.0)), 1)
"""Says 0.5 of everything."""


def certain(odds: float, rows_back: int = 1) -> Part:
    """Says the same of everything."""
    return Part(linear_member(axis(0, 0.0), odds, rows_back), rows_back)


def listening(feature: int, weight: float = 1.0, rows_back: int = 1) -> Part:
    """Hears one feature: the mean of its last rows."""
    return Part(linear_member(axis(feature, weight), 0.0, rows_back), rows_back)


def graph_of(parts: Sequence[Part]) -> bytes:
    rows = np.random.default_rng(1).normal(0.0, 1.0, (200, FEATURES)).astype(np.float32)
    return merged(parts, nearness(rows))


def slowed(graph: bytes, rounds: int, side: int = 64) -> bytes:
    """The same graph, but each run multiplies two matrices so many times."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["before", "unit"], ["after"]), helper.make_node("Identity", ["go"], ["going"])],
        "round",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [side, side]),
        ],
        [
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [side, side]),
        ],
        [numpy_helper.from_array(np.eye(side, dtype=np.float32), "unit")],
    )
    model = onnx.load_model_from_string(graph)
    whole = model.graph
    for node in whole.node:
        node.output[:] = ["near" if name == "distance" else name for name in node.output]
    constants = {"rounds": np.array(rounds), "yes": np.array(True), "zeros": np.zeros((side, side), np.float32)}
    whole.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    whole.node.append(helper.make_node("Loop", ["rounds", "yes", "zeros"], ["product"], body=body))
    whole.node.append(helper.make_node("ReduceSum", ["product"], ["nothing"], keepdims=0))
    whole.node.append(helper.make_node("Add", ["near", "nothing"], ["distance"]))
    content: bytes = model.SerializeToString()
    return content


def shelved_set(
    shelf: Shelf,
    *parts: Part,
    set_id: str = "s-1",
    place: Place = PLACE,
    key: SigningKey = KEY,
    graph: bytes | None = None,
    **fields: Any,
) -> SignedSet:
    """A set whose graph lies on the shelf; near is what is less than a billion usual steps away."""
    spoken = parts or (certain(1.0), certain(2.0))
    ids = tuple(f"{set_id}-m{number}" for number in range(len(spoken)))
    kinds = ("logistic", "forest", "xgboost", "lightgbm", "lstm")
    given: dict[str, Any] = {
        "place": place,
        "members": tuple(Member(name, kind, 1) for name, kind in zip(ids, kinds, strict=False)),
        "rows_back": max(part.rows_back for part in spoken),
        "distance_max": 1e9,
        "graph_sha256": shelf.put(graph if graph is not None else graph_of(spoken)),
        **fields,
    }
    return signed_set(model_set(set_id, member_ids=ids, **given), {"made": "for a test"}, key)


def crowned(champion: SignedSet, store: Store, at_ms: int = NOW_MS) -> ModelSet:
    """It serves its place from now on."""
    models = champion.models
    with store.begin() as tx:
        tx.lock_models()
        for member in models.members:
            slot = Slot(member.model_type, *models.place)
            tx.save_model(model_record(member.model_id, version=tx.next_version(slot), slot=slot))
        tx.save_set(record_of(champion, at_ms))
        assert tx.save_reign(reign(tx.reign(models.place), models.set_id, at_ms, models.place))
    return models
