"""Random forest: carried on by planting more trees beside the old ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from ml_service.learning.examples import Examples, Figures, Rows
from ml_service.learning.trainers.header import Headed, Header, same_schema
from ml_service.learning.trainers.onnx_trees import Tree, at_most, graph_of_trees
from ml_service.learning.trainers.preparation import preparation_of
from ml_service.learning.trainers.skops_file import packed, unpacked
from ml_service.learning.trainers.spec import Progress, Trainer, Wishes, unheard
from ml_service.learning.trainers.trainable import chosen, examine, trees_after

AT_ONCE = 10
"""Trees between two words about progress."""

OF_A_TREE_MAX = 50_000
"""Examples that one tree sees: with more of them it takes longer and says the same."""


@dataclass(frozen=True, slots=True)
class Forest(Headed):
    header: Header
    estimator: Any

    def rises(self, windows: Rows) -> Figures:
        rows = self.header.preparation.filled(windows[:, -1])
        told: Figures = self.estimator.predict_proba(rows)[:, 1].astype(np.float32)
        return told

    def native(self) -> bytes:
        return packed(self.header, self.estimator)

    def onnx(self) -> bytes:
        grown = self.estimator.estimators_
        trees = [plain(each.tree_, len(grown)) for each in grown]
        return graph_of_trees(trees, "BRANCH_LEQ", self.header, log_odds=False)

    def importance(self) -> dict[str, float]:
        return dict(zip(self.schema.names, self.estimator.feature_importances_.tolist(), strict=True))


def plain(tree: Any, of: int) -> Tree:
    return Tree(
        feature=tree.feature.astype(np.int64),
        threshold=at_most(tree.threshold),
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        missing_left=tree.missing_go_to_left.astype(bool),
        value=tree.value[:, 0, 1] / of,
    )


@dataclass(frozen=True, slots=True)
class ForestTrainer:
    name: str
    rows_back: int
    parameters: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]

    def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> Forest:
        """More trees never harm, so there is nothing to stop early, and `later` is not asked."""
        parameters = chosen(self.parameters, wishes.parameters)
        examine(examples, later)
        rows = examples.rows[examples.places]
        preparation = preparation_of(rows)
        estimator = RandomForestClassifier(
            n_estimators=0,
            max_depth=int(parameters["depth"]),
            min_samples_leaf=int(parameters["leaf_min"]),
            max_features=parameters["columns"],
            warm_start=True,
            random_state=wishes.seed,
        )
        trees = int(parameters["trees"])
        grow(estimator, trees, preparation.filled(rows), examples, wishes.threads, progress)
        header = Header(self.name, examples.schema, 1, parameters, wishes.seed, "cpu", trees, preparation)
        return Forest(header, estimator)

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> Forest:
        model = self.opened(native)
        same_schema(model.header, examples.schema)
        parameters = chosen(model.header.parameters, wishes.parameters)
        examine(examples)
        trees = trees_after(model.steps, parameters)
        rows = model.header.preparation.filled(examples.rows[examples.places])
        grow(model.estimator, trees, rows, examples, wishes.threads, progress)
        return Forest(replace(model.header, parameters=parameters, steps=trees), model.estimator)

    def opened(self, native: bytes) -> Forest:
        return Forest(*unpacked(native, self.name))


def grow(estimator: Any, trees: int, rows: Rows, examples: Examples, threads: int, progress: Progress) -> None:
    before = len(getattr(estimator, "estimators_", ()))
    size = min(OF_A_TREE_MAX, len(examples))
    progress(0.0)
    for count in (*range(before + AT_ONCE, trees, AT_ONCE), trees):
        estimator.set_params(n_estimators=count, max_samples=size, n_jobs=threads)
        estimator.fit(rows, examples.rose, examples.weights)
        progress((count - before) / (trees - before))
    # How many threads grew them is nothing that the file should tell.
    estimator.set_params(n_jobs=None)


TRAINER: Trainer = ForestTrainer(
    name="forest",
    rows_back=1,
    parameters={"trees": 200, "depth": 8, "leaf_min": 20, "columns": 0.3, "more_trees": 50, "trees_max": 500},
    ranges={"depth": (3, 12), "leaf_min": (5, 100), "columns": (0.1, 0.8)},
)
