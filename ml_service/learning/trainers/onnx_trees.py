"""Trees as an ONNX graph: every library's trees say the same there, missing values included."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_service.learning.trainers.header import Header
from ml_service.learning.trainers.onnx_graph import Parts, finished

Goes = Literal["BRANCH_LEQ", "BRANCH_LT"]
"""Left where a value is at most the threshold, or where it is below."""


class Tree(NamedTuple):
    """One number for every node; the root is the first."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    """-1 at a leaf."""
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    """What a leaf adds."""


def graph_of_trees(trees: Sequence[Tree], goes: Goes, header: Header, *, log_odds: bool) -> bytes:
    """The sum of the leaves is the log odds of a rise, or its chance."""
    parts = Parts()
    row = parts.node("Squeeze", ["rows", parts.number("newest", np.array([1], np.int64))], "row")
    missing = parts.node("IsNaN", [row], "missing")
    fill = parts.number("fill", header.preparation.fill())
    filled = parts.node("Where", [missing, fill, row], "filled")
    parts.node("TreeEnsembleRegressor", [filled], "sums", domain="ai.onnx.ml", **attributes(trees, goes))
    total = parts.node("Squeeze", ["sums", "newest"], "total")
    if log_odds:
        parts.node("Sigmoid", [total], "rises")
    else:
        lowest, highest = (parts.number(f"limit_{end}", np.array(end, np.float32)) for end in (0, 1))
        parts.node("Clip", [total, lowest, highest], "rises")
    return finished(parts, header)


def attributes(trees: Sequence[Tree], goes: Goes) -> dict[str, object]:
    sizes = [tree.left.size for tree in trees]
    tree_ids = np.repeat(np.arange(len(trees)), sizes)
    node_ids = np.concatenate([np.arange(size) for size in sizes])
    whole = Tree(*(np.concatenate(column) for column in zip(*trees, strict=True)))
    leaf = whole.left < 0
    return {
        "n_targets": 1,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": tree_ids.tolist(),
        "nodes_nodeids": node_ids.tolist(),
        "nodes_featureids": np.where(leaf, 0, whole.feature).tolist(),
        "nodes_values": np.where(leaf, np.float32(0.0), whole.threshold).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", goes).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, whole.left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, whole.right).tolist(),
        "nodes_missing_value_tracks_true": (~leaf & whole.missing_left).astype(int).tolist(),
        "target_treeids": tree_ids[leaf].tolist(),
        "target_nodeids": node_ids[leaf].tolist(),
        "target_ids": np.zeros(int(leaf.sum()), int).tolist(),
        "target_weights": whole.value[leaf].astype(np.float32).tolist(),
    }


def at_most(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above each: a float32 is at most the one exactly where it is at most the other.

    Rounding to the nearest would send a row that lies on a threshold the other way.
    """
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    below: NDArray[np.float32] = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest)
