"""Logistic regression: solved exactly, and carried on by stochastic gradient descent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, SGDClassifier
from threadpoolctl import threadpool_limits

from ml_service.errors import Untrainable
from ml_service.learning.examples import Examples, Figures, Rows
from ml_service.learning.trainers.header import Headed, Header, same_schema
from ml_service.learning.trainers.onnx_graph import Parts, finished
from ml_service.learning.trainers.preparation import FARTHEST, preparation_of
from ml_service.learning.trainers.skops_file import packed, unpacked
from ml_service.learning.trainers.spec import Contributions, Progress, Trainer, Wishes, unheard
from ml_service.learning.trainers.trainable import chosen, examine

NEGLIGIBLE = 1e-9
"""The length of step at which a pass leaves everything where it was."""


@dataclass(frozen=True, slots=True)
class Logistic(Headed):
    header: Header
    estimator: Any

    def rises(self, windows: Rows) -> Figures:
        rows = self.header.preparation.standard(windows[:, -1]).astype(np.float64)
        told: Figures = self.estimator.predict_proba(rows)[:, 1].astype(np.float32)
        return told

    def native(self) -> bytes:
        return packed(self.header, self.estimator)

    def onnx(self) -> bytes:
        center, inverse, masked = self.header.preparation.arrays()
        of_values, of_masks = np.split(self.estimator.coef_[0], 2)
        parts = Parts()
        row = parts.node("Squeeze", ["rows", parts.number("newest", np.array([1], np.int64))], "row")
        moved = parts.node("Sub", [row, parts.number("center", center)], "moved")
        scaled = parts.node("Mul", [moved, parts.number("inverse", inverse)], "scaled")
        nothing = parts.number("nothing", np.array(0.0, np.float32))
        there = parts.node("Where", [parts.node("IsNaN", [scaled], "untold"), nothing, scaled], "there")
        ends = [parts.number(name, np.array(end, np.float32)) for name, end in (("low", -FARTHEST), ("high", FARTHEST))]
        far = parts.node("Clip", [there, *ends], "far")
        missing = parts.node("Cast", [parts.node("IsNaN", [row], "absent")], "missing", to=1)
        said = parts.node("MatMul", [far, parts.number("of_values", column(of_values))], "said")
        hinted = parts.node("MatMul", [missing, parts.number("of_masks", column(of_masks * masked))], "hinted")
        together = parts.node("Add", [said, hinted], "together")
        odds = parts.node("Add", [together, parts.number("intercept", column(self.estimator.intercept_))], "odds")
        parts.node("Sigmoid", [parts.node("Squeeze", [odds, "newest"], "total")], "rises")
        return finished(parts, self.header)

    def importance(self) -> dict[str, float]:
        """The rows are in standard deviations, so a coefficient is already told by the feature's scale."""
        told = np.abs(self.estimator.coef_[0]).reshape(2, -1).sum(axis=0)
        total = told.sum()
        return dict(zip(self.schema.names, (told / total).tolist(), strict=True)) if total > 0.0 else {}

    def contributions(self, windows: Rows) -> Contributions:
        """Coefficients times standardised values; a feature's absence is its own doing too."""
        rows = self.header.preparation.standard(windows[:, -1]).astype(np.float64)
        of_values, of_masks = np.split(rows * self.estimator.coef_[0], 2, axis=1)
        return Contributions(before=np.full(len(rows), self.estimator.intercept_[0]), added=of_values + of_masks)


def column(values: Any) -> Any:
    return np.asarray(values, np.float32).reshape(-1, 1)


@dataclass(frozen=True, slots=True)
class LogisticTrainer:
    name: str
    rows_back: int
    parameters: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]

    def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> Logistic:
        """There is nothing to stop early, so `later` is not asked."""
        parameters = chosen(self.parameters, wishes.parameters)
        examine(examples, later)
        rows = examples.rows[examples.places]
        preparation = preparation_of(rows)
        standard = preparation.standard(rows).astype(np.float64)
        progress(0.0)
        exact = LogisticRegression(C=parameters["strength"], max_iter=int(parameters["passes"]))
        with threadpool_limits(wishes.threads):
            exact.fit(standard, examples.rose, examples.weights)
        estimator = descending(exact, parameters, standard, examples, wishes.seed)
        progress(1.0)
        header = Header(
            self.name, examples.schema, 1, parameters, wishes.seed, "cpu", int(exact.n_iter_[0]), preparation
        )
        return Logistic(header, estimator)

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> Logistic:
        model = self.opened(native)
        same_schema(model.header, examples.schema)
        parameters = chosen(model.header.parameters, wishes.parameters)
        examine(examples)
        rows = model.header.preparation.standard(examples.rows[examples.places]).astype(np.float64)
        estimator = model.estimator
        estimator.set_params(eta0=parameters["step"], alpha=penalty(parameters, len(examples)))
        more = int(parameters["more_passes"])
        for done in range(more):
            progress(done / more)
            estimator.set_params(random_state=wishes.seed + model.steps + done)
            estimator.partial_fit(rows, examples.rose, sample_weight=examples.weights)
        if not np.isfinite(estimator.coef_).all():
            raise Untrainable(f"with steps of {parameters['step']} the coefficients grew beyond all bounds")
        progress(1.0)
        return Logistic(replace(model.header, parameters=parameters, steps=model.steps + more), estimator)

    def opened(self, native: bytes) -> Logistic:
        return Logistic(*unpacked(native, self.name))


def descending(exact: Any, parameters: Mapping[str, float], rows: Any, examples: Examples, seed: int) -> Any:
    """The exact solution, in the form that can be carried on."""
    estimator = SGDClassifier(
        loss="log_loss",
        alpha=penalty(parameters, len(examples)),
        learning_rate="constant",
        eta0=NEGLIGIBLE,
        max_iter=1,
        tol=None,
        random_state=seed,
    )
    return estimator.fit(rows, examples.rose, coef_init=exact.coef_, intercept_init=exact.intercept_)


def penalty(parameters: Mapping[str, float], count: int) -> float:
    return 1.0 / (max(parameters["strength"], 1e-9) * count)


TRAINER: Trainer = LogisticTrainer(
    name="logistic",
    rows_back=1,
    parameters={"strength": 0.1, "passes": 500, "step": 0.001, "more_passes": 5},
    ranges={"strength": (0.001, 10.0)},
)
