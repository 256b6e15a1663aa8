"""Search: which parameters of a model do best in walk-forward, on rows that no fold is ever tested on afterwards.

The best of many tries looks better than it is. What it is worth is told by the folds, which the search has not seen,
and the manifest says how many were tried.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from ml_service.domain.models.fitting import on_base
from ml_service.domain.models.metrics import log_losses
from ml_service.errors import InvalidInput, Untrainable
from ml_service.learning.dataset import Dataset
from ml_service.learning.members import Span, fitted
from ml_service.learning.plan import Plan
from ml_service.learning.splits import FIRST_SHARE, known_before, parted, walk_forward
from ml_service.learning.trainers.spec import Trainer

FOLDS = 3
WIDE = 10.0
"""A range whose ends are so many times apart is tried by its magnitudes."""

Told = Callable[[str, int, float], None]


class Studies(Protocol):
    """Where trials are kept."""

    def study(self, name: str) -> optuna.Study: ...


@dataclass(frozen=True, slots=True)
class Found:
    parameters: Mapping[str, float]
    """None other than the trainer's own where nothing did better."""
    log_loss: float
    own_log_loss: float
    """Of the trainer's own parameters."""
    trials: int


def search(dataset: Dataset, plan: Plan, trainer: Trainer, trials: int, study: optuna.Study, told: Told) -> Found:
    """Goes on where the study stands; stopped or not, the same trials are made."""
    seen = searched_rows(dataset, plan.embargo)
    spans = spans_of(seen, plan)
    distributions = {name: distribution(trainer.parameters[name], *ends) for name, ends in trainer.ranges.items()}
    for number in range(len(finished(study)), trials):
        told(trainer.name, number, 0.0)
        # A sampler of its own for each trial: what comes next does not depend on where it was stopped.
        study.sampler = optuna.samplers.TPESampler(seed=plan.seed + number)
        given = None if number else {name: trainer.parameters[name] for name in distributions}
        trial = study.ask(distributions) if given is None else asked(study, distributions, given)
        tried = {name: float(one) for name, one in trial.params.items()}
        try:
            study.tell(trial, loss_of(seen, spans, plan, trainer, tried))
        except InvalidInput:
            # Parameters that do not go together, each within its own range.
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    told(trainer.name, trials - 1, 1.0)
    return found_in(study)


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in study.trials if trial.state.is_finished()]


def asked(study: optuna.Study, distributions: dict[str, BaseDistribution], given: dict[str, float]) -> optuna.Trial:
    study.enqueue_trial(given, skip_if_exists=False)
    return study.ask(distributions)


def found_in(study: optuna.Study) -> Found:
    done = finished(study)
    own, best = done[0], study.best_trial
    return Found(
        parameters={name: float(value) for name, value in best.params.items()},
        log_loss=value_of(best),
        own_log_loss=value_of(own),
        trials=len(done),
    )


def value_of(trial: optuna.trial.FrozenTrial) -> float:
    return trial.value if trial.value is not None else math.inf


def searched_rows(dataset: Dataset, embargo: int) -> Dataset:
    """Those whose labels were known before the first tested stretch."""
    first = round(FIRST_SHARE * len(dataset))
    return dataset.some(known_before(dataset.places, dataset.known_from, first, embargo))


def spans_of(dataset: Dataset, plan: Plan) -> list[Span]:
    folds = walk_forward(dataset.places, dataset.known_from, FOLDS, plan.embargo)
    parts = [parted(dataset.places, dataset.known_from, fold.before, plan.embargo) for fold in folds]
    return [Span(one, fold.test) for one, fold in zip(parts, folds, strict=True)]


def loss_of(
    dataset: Dataset, spans: list[Span], plan: Plan, trainer: Trainer, parameters: Mapping[str, float]
) -> float:
    """Log loss a row of rising against falling, over the tested stretches of the search."""
    trying = replace(plan, parameters={trainer.name: parameters})
    losses = []
    for span in spans:
        found = fitted(trainer, dataset, span, trying, lambda share: None)
        rose = dataset.some(span.test).rose
        losses.append(log_losses(on_base(found.test, found.base), rose == 1)[rose >= 0])
    whole = np.concatenate(losses)
    if not whole.size:
        raise Untrainable("expected rows that moved by more than the costs to search by, found none")
    return float(whole.mean())


def distribution(own: float, low: float, high: float) -> BaseDistribution:
    if all(float(value).is_integer() for value in (own, low, high)) and high - low >= 2.0:
        return IntDistribution(int(low), int(high))
    return FloatDistribution(low, high, log=low > 0.0 and high / low >= WIDE)


def searched(
    dataset: Dataset, plan: Plan, trainers: Mapping[str, Trainer], trials: int, studies: Studies, told: Told
) -> Plan:
    """The plan with the best parameters of each model; one that could not be searched keeps its own. `Untrainable`
    where that is all of them: nobody asks for a search to be left out."""
    found: dict[str, Found] = {}
    reasons = []
    for name in plan.models:
        if not trainers[name].ranges:
            continue
        try:
            study = studies.study(f"{name} {dataset.hash} {plan.embargo} {plan.seed}")
            found[name] = search(dataset, plan, trainers[name], trials, study, told)
        except Untrainable as error:
            reasons.append(f"{name}: {error}")
    if not found and reasons:
        raise Untrainable(f"the first rows are too few to search by: {'; '.join(reasons)}")
    chosen = {**plan.parameters, **{name: one.parameters for name, one in found.items()}}
    return replace(plan, parameters=chosen, trials=max((one.trials for one in found.values()), default=0))
