"""XGBoost: carried on by boosting further, up to a number of trees."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
import xgboost

from ml_service.errors import ModelRefused
from ml_service.learning.examples import Examples, Figures, Rows
from ml_service.learning.trainers.header import Headed, Header, header_of, same_schema
from ml_service.learning.trainers.onnx_trees import Tree, graph_of_trees
from ml_service.learning.trainers.preparation import Preparation, preparation_of
from ml_service.learning.trainers.spec import Contributions, Progress, Trainer, Wishes, unheard
from ml_service.learning.trainers.trainable import chosen, examine, trees_after, usable

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class XGBoost(Headed):
    header: Header
    booster: Any

    def rises(self, windows: Rows) -> Figures:
        rows = self.header.preparation.filled(windows[:, -1])
        told: Figures = self.booster.predict(xgboost.DMatrix(rows)).astype(np.float32)
        return told

    def native(self) -> bytes:
        """UBJSON as XGBoost writes it, with the header among its attributes; behind it stands its digest."""
        self.booster.set_attr(header=self.header.written())
        content = bytes(self.booster.save_raw("ubj"))
        return content + digest(content)

    def onnx(self) -> bytes:
        told = json.loads(bytes(self.booster.save_raw("json")))
        trees = [plain(tree) for tree in told["learner"]["gradient_booster"]["model"]["trees"]]
        return graph_of_trees(trees, "BRANCH_LT", self.header, log_odds=True)

    def importance(self) -> dict[str, float]:
        gains = self.booster.get_score(importance_type="total_gain")
        total = sum(gains.values())
        return {name: gains.get(f"f{place}", 0.0) / total for place, name in enumerate(self.schema.names) if total}

    def contributions(self, windows: Rows) -> Contributions:
        """TreeSHAP (Lundberg, Erion and Lee 2018); the last column is what the trees say of the average row."""
        rows = self.header.preparation.filled(windows[:, -1])
        told = self.booster.predict(xgboost.DMatrix(rows), pred_contribs=True).astype(np.float64)
        return Contributions(before=told[:, -1], added=told[:, :-1])


def digest(content: bytes) -> bytes:
    return sha256(content).digest()


def plain(tree: Mapping[str, Any]) -> Tree:
    conditions = np.asarray(tree["split_conditions"], np.float32)
    return Tree(
        feature=np.asarray(tree["split_indices"], np.int64),
        threshold=conditions,
        left=np.asarray(tree["left_children"], np.int64),
        right=np.asarray(tree["right_children"], np.int64),
        missing_left=np.asarray(tree["default_left"], bool),
        value=conditions.astype(np.float64),
    )


class Telling(xgboost.callback.TrainingCallback):
    def __init__(self, progress: Progress, rounds: int) -> None:
        self.progress = progress
        self.rounds = rounds

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self.progress((epoch + 1) / self.rounds)
        return False


@dataclass(frozen=True, slots=True)
class XGBoostTrainer:
    name: str
    rows_back: int
    parameters: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]

    def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> XGBoost:
        parameters = chosen(self.parameters, wishes.parameters)
        examine(examples, later)
        preparation = preparation_of(examples.rows[examples.places])
        progress(0.0)
        booster = xgboost.train(
            told_to(parameters, wishes),
            table(examples, preparation),
            int(parameters["trees"]),
            callbacks=[Telling(progress, int(parameters["trees"]))],
            **(stopping(table(known, preparation), parameters) if (known := usable(later)) else {}),
        )
        if usable(later):
            booster = booster[: booster.best_iteration + 1]
            booster.set_attr(best_iteration=None, best_score=None)
        progress(1.0)
        steps = booster.num_boosted_rounds()
        header = Header(self.name, examples.schema, 1, parameters, wishes.seed, "cpu", steps, preparation)
        return XGBoost(header, booster)

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> XGBoost:
        model = self.opened(native)
        same_schema(model.header, examples.schema)
        parameters = chosen(model.header.parameters, wishes.parameters)
        examine(examples)
        more = trees_after(model.steps, parameters) - model.steps
        booster = xgboost.train(
            told_to(parameters, replace(wishes, seed=wishes.seed + model.steps)),
            table(examples, model.header.preparation),
            more,
            xgb_model=model.booster,
            callbacks=[Telling(progress, more)],
        )
        return XGBoost(replace(model.header, parameters=parameters, steps=booster.num_boosted_rounds()), booster)

    def opened(self, native: bytes) -> XGBoost:
        content, told = native[:-DIGEST_BYTES], native[-DIGEST_BYTES:]
        # XGBoost ends the process at some damaged files, so they do not reach it.
        if told != digest(content):
            raise ModelRefused("expected a UBJSON file of XGBoost with its digest, found another, or a damaged one")
        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(content))
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise ModelRefused("expected a UBJSON file of XGBoost, found one that cannot be read") from error
        return XGBoost(header_of(booster.attr("header"), self.name), booster)


def told_to(parameters: Mapping[str, float], wishes: Wishes) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        # The odds start even, so that the graph needs nothing besides the trees.
        "base_score": 0.5,
        "tree_method": "hist",
        "max_depth": int(parameters["depth"]),
        "eta": parameters["rate"],
        "subsample": parameters["rows"],
        "colsample_bytree": parameters["columns"],
        "lambda": parameters["lambda"],
        "min_child_weight": parameters["child_weight_min"],
        "nthread": wishes.threads,
        "seed": wishes.seed,
    }


def table(examples: Examples, preparation: Preparation) -> Any:
    rows = preparation.filled(examples.rows[examples.places])
    return xgboost.DMatrix(rows, examples.rose, weight=examples.weights)


def stopping(later: Any, parameters: Mapping[str, float]) -> dict[str, Any]:
    return {
        "evals": [(later, "later")],
        "early_stopping_rounds": int(parameters["patience"]),
        "verbose_eval": False,
    }


TRAINER: Trainer = XGBoostTrainer(
    name="xgboost",
    rows_back=1,
    parameters={
        "trees": 400,
        "depth": 5,
        "rate": 0.05,
        "rows": 0.9,
        "columns": 0.9,
        "lambda": 1.0,
        "child_weight_min": 1.0,
        "patience": 40,
        "more_trees": 50,
        "trees_max": 800,
    },
    ranges={
        "depth": (2, 8),
        "rate": (0.01, 0.2),
        "rows": (0.5, 1.0),
        "columns": (0.4, 1.0),
        "lambda": (0.1, 20.0),
        "child_weight_min": (1.0, 50.0),
    },
)
