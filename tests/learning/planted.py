"""A data set with a signal planted in it, and the smallest real trainer: a line fitted by Newton's steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ml_service.domain.market.candles import Stream
from ml_service.domain.models.fitting import squashed_all
from ml_service.errors import ForeignSchema, Untrainable
from ml_service.features.schema import SCHEMA, Schema
from ml_service.learning.dataset import Dataset
from ml_service.learning.examples import Examples, Figures, Rows
from ml_service.learning.labels import Label
from ml_service.learning.plan import Plan
from ml_service.learning.trainers.spec import Contributions, Progress, Wishes, unheard
from tests.builders import NOW_MS
from tests.learning.examples import BAR_MS, chances

STREAM = Stream("binance", "BTCUSDT", "15m")
MOVE = 0.01


def plan(*models: str, **fields: Any) -> Plan:
    return Plan(stream=STREAM, models=models or ("line",), label=fields.pop("label", Label(1)), **fields)


def dataset(count: int = 4_000, seed: int = 1, *, strength: float = 1.0, costs: float = 0.0) -> Dataset:
    """Every row one, each with a label that is known a bar later; with `costs`, neither side pays in that share."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((count, len(SCHEMA.names))).astype(np.float32)
    rose = random.random(count) < chances(rows, strength)
    pays = random.random(count) >= costs
    gained = np.where(pays, MOVE, -MOVE)
    places = np.arange(count)
    return Dataset(
        schema=SCHEMA,
        rows=rows,
        follows=places > 0,
        opened_at_ms=NOW_MS + places * BAR_MS,
        moves=np.concatenate(([np.nan], np.where(rose, MOVE, -MOVE)[:-1])),
        places=places,
        known_from=places + 1,
        bought=np.where(rose, gained, -MOVE),
        sold=np.where(rose, -MOVE, gained),
        keep=np.ones(count, bool),
        regime=(places // 50 % 4).astype(np.int8),
        overlap=1,
    )


def relabelled(known: Dataset, seed: int = 1) -> Dataset:
    """The same rows, with results that have nothing to do with them."""
    order = np.random.default_rng(seed).permutation(len(known))
    return replace(known, bought=known.bought[order], sold=known.sold[order])


@dataclass(frozen=True)
class Line:
    """Logistic regression with what is missing at the mean; for tests of what stands around a trainer."""

    coefficients: np.ndarray
    mean: np.ndarray
    schema: Schema = SCHEMA
    rows_back: int = 1
    steps: int = 1
    device: str = "cpu"

    def rises(self, windows: Rows) -> Figures:
        z = np.nan_to_num(windows[:, -1].astype(np.float64) - self.mean)
        return squashed_all(z @ self.coefficients[1:] + self.coefficients[0]).astype(np.float32)

    def native(self) -> bytes:
        told = {"schema": self.schema.hash, "line": self.coefficients.tolist(), "mean": self.mean.tolist()}
        return json.dumps(told).encode()

    def onnx(self) -> bytes:
        return graph_of(self.coefficients, self.mean)

    def importance(self) -> dict[str, float]:
        sizes = np.abs(self.coefficients[1:])
        return dict(zip(self.schema.names, (sizes / sizes.sum()).tolist(), strict=True))

    def contributions(self, windows: Rows) -> Contributions:
        z = np.nan_to_num(windows[:, -1].astype(np.float64) - self.mean)
        return Contributions(np.full(len(z), self.coefficients[0]), z * self.coefficients[1:])


@dataclass(frozen=True)
class LineTrainer:
    name: str = "line"
    rows_back: int = 1
    fails: bool = False

    @property
    def parameters(self) -> Mapping[str, float]:
        return {"ridge": 1.0}

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        return {"ridge": (0.1, 1_000.0)}

    def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> Line:
        if self.fails:
            raise Untrainable("it was told to fail")
        ridge = {**self.parameters, **(wishes.parameters or {})}["ridge"]
        rows = examples.windows(1)[:, 0].astype(np.float64)
        mean = np.nan_to_num(rows).sum(axis=0) / np.maximum(np.isfinite(rows).sum(axis=0), 1)
        columns = np.column_stack((np.ones(len(rows)), np.nan_to_num(rows - mean)))
        line = np.zeros(columns.shape[1])
        for step in range(12):
            chance = squashed_all(columns @ line)
            slopes = columns.T @ (examples.weights * (examples.rose - chance)) - ridge * line
            curve = (columns.T * (examples.weights * chance * (1 - chance))) @ columns + ridge * np.eye(line.size)
            line = line + np.linalg.solve(curve, slopes)
            progress((step + 1) / 12)
        return Line(line, mean)

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> Line:
        return self.opened(native)

    def opened(self, native: bytes) -> Line:
        told = json.loads(native)
        if told["schema"] != SCHEMA.hash:
            raise ForeignSchema(f"expected {SCHEMA.hash}, found {told['schema']}")
        return Line(np.array(told["line"]), np.array(told["mean"]))


def graph_of(line: np.ndarray, mean: np.ndarray) -> bytes:
    numbers = {
        "newest": np.array(0, np.int64),
        "mean": mean.astype(np.float32),
        "none": np.zeros(1, np.float32),
        "slope": line[1:, None].astype(np.float32),
        "base": line[:1].astype(np.float32),
        "flat": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["rows", "newest"], ["row"], axis=1),
        helper.make_node("Sub", ["row", "mean"], ["apart"]),
        helper.make_node("IsNaN", ["apart"], ["missing"]),
        helper.make_node("Where", ["missing", "none", "apart"], ["z"]),
        helper.make_node("MatMul", ["z", "slope"], ["odds"]),
        helper.make_node("Add", ["odds", "base"], ["shifted"]),
        helper.make_node("Sigmoid", ["shifted"], ["chance"]),
        helper.make_node("Reshape", ["chance", "flat"], ["rises"]),
    ]
    graph = helper.make_graph(
        nodes,
        "line",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", 1, line.size - 1])],
        [helper.make_tensor_value_info("rises", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(value, name) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


class Opened:
    def __init__(self, content: bytes) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(self, rows: Rows) -> Mapping[str, np.ndarray]:
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, {"rows": rows}), strict=True))


class KeepInMemory:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.read_names: list[str] = []

    def read(self, name: str) -> bytes | None:
        found = self.kept.get(name)
        if found is not None:
            self.read_names.append(name)
        return found

    def keep(self, name: str, content: bytes) -> None:
        self.kept[name] = content


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()
