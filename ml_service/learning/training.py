"""Training: from a data set and a plan to models, a set of them, and what they were worth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml_service.domain.models.distance import nearness
from ml_service.domain.models.slots import EVERY, Slot
from ml_service.errors import Untrainable
from ml_service.learning.dataset import Dataset
from ml_service.learning.evaluation import Evaluation, evaluated
from ml_service.learning.manifest import (
    evaluation_document,
    file_document,
    plain,
    plan_document,
    versions,
    worth_document,
)
from ml_service.learning.members import Fitted, Keep, KeepNothing, Span, Told, fitted, name_of, packed, unpacked
from ml_service.learning.parity import parity
from ml_service.learning.plan import ROWS_MIN, Plan
from ml_service.learning.splits import parted, walk_forward
from ml_service.learning.suspicion import model_suspicions, suspicions
from ml_service.learning.trained import TrainedModel, TrainedSet, Training
from ml_service.learning.trainers.spec import Trainer
from ml_service.learning.walk import Mixture, Walk, walk
from ml_service.ports import OpenGraph

PARITY_ROWS = 512


def unheard(model: str, number: int, share: float) -> None:
    pass


def train(
    dataset: Dataset,
    plan: Plan,
    trainers: Mapping[str, Trainer],
    *,
    open_graph: OpenGraph,
    keep: Keep | None = None,
    told: Told = unheard,
    doubts: Sequence[str] = (),
) -> Training:
    """`doubts` are what is suspicious of the data already.

    `Untrainable` where there are too few rows, or none of the models learns anything from them.
    """
    examples = checked(dataset, plan)
    data_hash = dataset.hash
    spans = spans_of(dataset, plan)
    fits, left_out = fit_all(dataset, data_hash, spans, plan, trainers, keep or KeepNothing(), told)
    walked = walk(dataset, spans, fits, plan.embargo)
    evaluation = evaluated(walked, tuple(fits), plan.seed)
    doubts = (
        *doubts,
        *suspicions(dataset),
        *model_suspicions([(name, worth.auc.value) for name, worth in evaluation.members.items()]),
    )
    facts = facts_of(dataset, data_hash, spans[-1], plan, doubts, examples)
    models = tuple(
        model_of(trainers[name], runs, dataset, spans[-1], plan, facts, evaluation, open_graph)
        for name, runs in fits.items()
    )
    return Training(
        plan=plan,
        data_hash=data_hash,
        set=set_of(models, walked, dataset, spans[-1], plan, facts, evaluation, left_out),
        evaluation=evaluation,
        left_out=left_out,
        suspicions=doubts,
        examples=examples,
        rows=len(dataset),
        from_ms=facts["rows"]["from_ms"],
        until_ms=facts["rows"]["until_ms"],
    )


def checked(dataset: Dataset, plan: Plan) -> int:
    """How many examples there are."""
    count = int(np.count_nonzero(dataset.teaches))
    if count <= ROWS_MIN:
        where = plan.stream.symbol if plan.regime == EVERY else f"{plan.stream.symbol} in {plan.regime}"
        noise = int(np.count_nonzero(~dataset.keep))
        raise Untrainable(
            f"{where}: expected more than {ROWS_MIN:,} examples, found {count:,} in {len(dataset):,} labelled rows"
            f" ({noise:,} left out as noise, {len(dataset) - noise - count:,} moved by less than the costs)"
        )
    return count


def spans_of(dataset: Dataset, plan: Plan) -> tuple[Span, ...]:
    """One for each fold; and the last, over all rows, for the models that serve."""
    places, known_from = dataset.places, dataset.known_from
    folds = walk_forward(places, known_from, plan.folds, plan.embargo)
    tested = [Span(parted(places, known_from, fold.before, plan.embargo), fold.test) for fold in folds]
    everything = np.arange(len(dataset))
    return (*tested, Span(parted(places, known_from, everything, plan.embargo), everything[:0]))


def fit_all(
    dataset: Dataset,
    data_hash: str,
    spans: Sequence[Span],
    plan: Plan,
    trainers: Mapping[str, Trainer],
    keep: Keep,
    told: Told,
) -> tuple[dict[str, list[Fitted]], dict[str, str]]:
    """By model, one for each span; and why others have none."""
    fits: dict[str, list[Fitted]] = {}
    left_out: dict[str, str] = {}
    installed = versions()
    for name in plan.models:
        try:
            fits[name] = [
                fit_or_kept(trainers[name], dataset, data_hash, spans, number, plan, installed, keep, told)
                for number in range(len(spans))
            ]
        except Untrainable as error:
            left_out[name] = str(error)
    if not fits:
        raise Untrainable("; ".join(f"{name}: {why}" for name, why in left_out.items()))
    return fits, left_out


def fit_or_kept(
    trainer: Trainer,
    dataset: Dataset,
    data_hash: str,
    spans: Sequence[Span],
    number: int,
    plan: Plan,
    installed: Mapping[str, str],
    keep: Keep,
    told: Told,
) -> Fitted:
    name = name_of(trainer, data_hash, plan, number, installed)
    kept = keep.read(name)
    found = unpacked(kept) if kept is not None else None
    if found is None:
        told(trainer.name, number, 0.0)
        serves = number == len(spans) - 1
        found = fitted(
            trainer,
            dataset,
            spans[number],
            plan,
            lambda share: told(trainer.name, number, share),
            with_files=serves,
        )
        keep.keep(name, packed(found))
    told(trainer.name, number, 1.0)
    return found


# ---- what it comes to


def facts_of(
    dataset: Dataset, data_hash: str, last: Span, plan: Plan, doubts: Sequence[str], examples: int
) -> dict[str, Any]:
    """What every manifest of this training says."""
    return {
        "plan": plan_document(plan),
        "data_hash": data_hash,
        "schema": {"version": dataset.schema.version, "hash": dataset.schema.hash, "names": list(dataset.schema.names)},
        "rows": {**window(dataset, np.arange(len(dataset))), "examples": examples},
        "trained_on": window(dataset, last.parts.fit),
        "stopped_by": window(dataset, last.parts.stop),
        "calibrated_on": window(dataset, last.parts.later),
        "versions": versions(),
        "suspicions": list(doubts),
    }


def window(dataset: Dataset, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> dict[str, Any]:
    at = dataset.opened_at_ms[dataset.places[rows]]
    return {"rows": int(rows.size), "from_ms": int(at[0]), "until_ms": int(at[-1])} if rows.size else {"rows": 0}


def model_of(
    trainer: Trainer,
    runs: Sequence[Fitted],
    dataset: Dataset,
    last: Span,
    plan: Plan,
    facts: Mapping[str, Any],
    evaluation: Evaluation,
    open_graph: OpenGraph,
) -> TrainedModel:
    final = runs[-1]
    trained = trainer.opened(final.native)
    windows = dataset.some(last.parts.later[-PARITY_ROWS:]).windows(trained.rows_back)
    own = evaluation.members[trainer.name]
    return TrainedModel(
        slot=Slot(trainer.name, *plan.place),
        rows_back=trained.rows_back,
        schema_hash=dataset.schema.hash,
        native=final.native,
        onnx=final.onnx,
        manifest={
            **facts,
            "document": "model",
            "model_type": trainer.name,
            "rows_back": trained.rows_back,
            "parameters": plain({**trainer.parameters, **plan.parameters.get(trainer.name, {})}),
            "steps": final.steps,
            "trained_by": final.device,
            "files": {"native": file_document(final.native), "onnx": file_document(final.onnx)},
            "parity": parity(trained, final.onnx, windows, open_graph, plan.seed),
            "importance": plain(final.importance),
            "base_rate": final.base,
            "metrics": worth_document(own),
            "folds": [{"examples": run.examples, "steps": run.steps} for run in runs[:-1]],
        },
    )


def set_of(
    models: tuple[TrainedModel, ...],
    walked: Walk,
    dataset: Dataset,
    last: Span,
    plan: Plan,
    facts: Mapping[str, Any],
    evaluation: Evaluation,
    left_out: Mapping[str, str],
) -> TrainedSet:
    final = walked.final
    learned = dataset.some(last.parts.fit)
    return TrainedSet(
        place=plan.place,
        models=models,
        weights={regime: weighing.weights for regime, weighing in final.weights.items()},
        rises=final.rises.line,
        falls=final.falls.line,
        near=nearness(dataset.rows[learned.places[learned.teaches]]),
        schema_hash=dataset.schema.hash,
        horizon_minutes=plan.horizon_minutes,
        provenance={**facts, **mixture_document(final), **evaluation_document(evaluation), "left_out": dict(left_out)},
    )


def mixture_document(mixture: Mixture) -> dict[str, Any]:
    return {"weighing": plain(mixture.weights), "rises": plain(mixture.rises), "falls": plain(mixture.falls)}
