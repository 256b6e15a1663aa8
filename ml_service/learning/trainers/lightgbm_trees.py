"""LightGBM: carried on by boosting further, up to a number of trees."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import lightgbm
import numpy as np

from ml_service.errors import ModelRefused
from ml_service.learning.examples import Examples, Figures, Rows
from ml_service.learning.trainers.header import Headed, Header, header_of, same_schema
from ml_service.learning.trainers.onnx_trees import Tree, at_most, graph_of_trees
from ml_service.learning.trainers.preparation import Preparation, preparation_of
from ml_service.learning.trainers.spec import Contributions, Progress, Trainer, Wishes, unheard
from ml_service.learning.trainers.trainable import chosen, examine, trees_after, usable

HEADER = "\nheader: "
LAST = "\n\npandas_categorical:"
"""The last line of LightGBM's text. It wants to stay the last, and lines before it are left in peace."""


@dataclass(frozen=True, slots=True)
class LightGBM(Headed):
    header: Header
    booster: Any

    def rises(self, windows: Rows) -> Figures:
        rows = self.header.preparation.filled(windows[:, -1])
        told: Figures = self.booster.predict(rows, num_threads=1).astype(np.float32)
        return told

    def native(self) -> bytes:
        """LightGBM's text, with the header as a line of it."""
        text, last = self.booster.model_to_string(num_iteration=-1).rsplit(LAST, 1)
        return f"{text}{HEADER}{digest(text)} {self.header.written()}{LAST}{last}".encode()

    def onnx(self) -> bytes:
        told = self.booster.dump_model(num_iteration=-1)
        trees = [plain(tree["tree_structure"]) for tree in told["tree_info"]]
        return graph_of_trees(trees, "BRANCH_LEQ", self.header, log_odds=True)

    def importance(self) -> dict[str, float]:
        gains = self.booster.feature_importance("gain")
        total = gains.sum()
        return dict(zip(self.schema.names, (gains / total).tolist(), strict=True)) if total > 0.0 else {}

    def contributions(self, windows: Rows) -> Contributions:
        """TreeSHAP, as XGBoost's."""
        rows = self.header.preparation.filled(windows[:, -1])
        told = self.booster.predict(rows, pred_contrib=True, num_threads=1)
        return Contributions(before=told[:, -1], added=told[:, :-1])


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def plain(root: Mapping[str, Any]) -> Tree:
    nodes = list(in_order(root))
    places = {id(node): place for place, node in enumerate(nodes)}
    splits = ["left_child" in node for node in nodes]

    def each(of_split: Any, of_leaf: Any) -> list[Any]:
        return [of_split(node) if is_split else of_leaf for node, is_split in zip(nodes, splits, strict=True)]

    return Tree(
        feature=np.array(each(lambda node: node["split_feature"], 0), np.int64),
        threshold=at_most(np.array(each(lambda node: node["threshold"], 0.0), np.float64)),
        left=np.array(each(lambda node: places[id(node["left_child"])], -1), np.int64),
        right=np.array(each(lambda node: places[id(node["right_child"])], -1), np.int64),
        missing_left=np.array(each(missing_goes_left, False), bool),
        value=np.array([0.0 if split else node["leaf_value"] for node, split in zip(nodes, splits, strict=True)]),
    )


def in_order(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "left_child" not in node:
        return [node]
    return [node, *in_order(node["left_child"]), *in_order(node["right_child"])]


def missing_goes_left(split: Mapping[str, Any]) -> bool:
    # Where it met no missing value while it learned, LightGBM takes one for zero.
    return bool(split["default_left"]) if split["missing_type"] == "NaN" else split["threshold"] >= 0.0


@dataclass(frozen=True, slots=True)
class LightGBMTrainer:
    name: str
    rows_back: int
    parameters: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]

    def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> LightGBM:
        parameters = chosen(self.parameters, wishes.parameters)
        examine(examples, later)
        preparation = preparation_of(examples.rows[examples.places])
        rounds = int(parameters["trees"])
        callbacks = [telling(progress, rounds)]
        known = usable(later)
        if known is not None:
            callbacks.append(lightgbm.early_stopping(int(parameters["patience"]), verbose=False))
        progress(0.0)
        booster = lightgbm.train(
            told_to(parameters, wishes),
            table(examples, preparation),
            rounds,
            valid_sets=[table(known, preparation)] if known is not None else None,
            callbacks=callbacks,
        )
        steps = booster.best_iteration if known is not None else booster.num_trees()
        progress(1.0)
        header = Header(self.name, examples.schema, 1, parameters, wishes.seed, "cpu", steps, preparation)
        return LightGBM(header, cut(booster, steps))

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> LightGBM:
        model = self.opened(native)
        same_schema(model.header, examples.schema)
        parameters = chosen(model.header.parameters, wishes.parameters)
        examine(examples)
        more = trees_after(model.steps, parameters) - model.steps
        booster = lightgbm.train(
            told_to(parameters, replace(wishes, seed=wishes.seed + model.steps)),
            table(examples, model.header.preparation),
            more,
            init_model=model.booster,
            callbacks=[telling(progress, more)],
        )
        header = replace(model.header, parameters=parameters, steps=booster.num_trees())
        return LightGBM(header, cut(booster, header.steps))

    def opened(self, native: bytes) -> LightGBM:
        text, _, rest = native.decode(errors="replace").rpartition(HEADER)
        told, _, header = rest.partition(LAST)[0].partition(" ")
        # LightGBM ends the process at some damaged files, so they do not reach it.
        if told != digest(text):
            raise ModelRefused("expected a text file of LightGBM with its digest, found another, or a damaged one")
        return LightGBM(header_of(header, self.name), lightgbm.Booster(model_str=f"{text}{LAST}null\n"))


def told_to(parameters: Mapping[str, float], wishes: Wishes) -> dict[str, Any]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": parameters["rate"],
        "num_leaves": int(parameters["leaves"]),
        "min_data_in_leaf": int(parameters["leaf_min"]),
        "bagging_fraction": parameters["rows"],
        "bagging_freq": 1,
        "feature_fraction": parameters["columns"],
        "lambda_l2": parameters["lambda"],
        "num_threads": wishes.threads,
        "seed": wishes.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def table(examples: Examples, preparation: Preparation) -> Any:
    rows = preparation.filled(examples.rows[examples.places])
    quiet = {"verbosity": -1, "feature_pre_filter": False}
    return lightgbm.Dataset(rows, examples.rose, weight=examples.weights, params=quiet)


def telling(progress: Progress, rounds: int) -> Any:
    return lambda state: progress((state.iteration - state.begin_iteration + 1) / rounds)


def cut(booster: Any, trees: int) -> Any:
    """As its file says it: without the rows it was trained on, and without trees after the best."""
    return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=trees))


TRAINER: Trainer = LightGBMTrainer(
    name="lightgbm",
    rows_back=1,
    parameters={
        "trees": 400,
        "leaves": 31,
        "rate": 0.05,
        "rows": 0.9,
        "columns": 0.9,
        "lambda": 1.0,
        "leaf_min": 40,
        "patience": 40,
        "more_trees": 50,
        "trees_max": 800,
    },
    ranges={
        "leaves": (7, 63),
        "rate": (0.01, 0.2),
        "rows": (0.5, 1.0),
        "columns": (0.4, 1.0),
        "lambda": (0.1, 20.0),
        "leaf_min": (10, 200),
    },
)
