"""Search: its own rows alone, the trainer's parameters first, and the same trials whether it was stopped or not."""

from dataclasses import replace

import optuna
import pytest

from ml_service.errors import InvalidInput
from ml_service.learning.examples import Examples
from ml_service.learning.plan import Plan
from ml_service.learning.search import distribution, search, searched, searched_rows
from ml_service.learning.splits import walk_forward
from ml_service.learning.trainers.spec import Progress, Wishes, unheard
from tests.learning.planted import Line, LineTrainer, dataset, plan

KNOWN = dataset(4_000, strength=0.5)


class InMemory:
    def __init__(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.studies: dict[str, optuna.Study] = {}

    def study(self, name: str) -> optuna.Study:
        return self.studies.setdefault(name, optuna.create_study())


def tried(study: optuna.Study) -> list[float]:
    return [trial.params["ridge"] for trial in study.trials]


def unheard_of(model: str, number: int, share: float) -> None:
    pass


def test_it_sees_no_row_that_a_fold_is_tested_on() -> None:
    seen = searched_rows(KNOWN, 1)

    for folds in (1, 5, 9):
        first = walk_forward(KNOWN.places, KNOWN.known_from, folds, 1)[0]
        assert seen.places.max() < KNOWN.places[first.test].min()


def test_no_label_that_it_judges_by_reaches_into_what_a_fold_is_tested_on() -> None:
    known, embargo = replace(KNOWN, known_from=KNOWN.places + 50), 7
    first = walk_forward(known.places, known.known_from, 5, embargo)[0]

    seen = searched_rows(known, embargo)

    assert seen.known_from.max() + embargo == known.places[first.test].min()


def test_the_best_is_never_worse_than_what_the_trainer_had() -> None:
    study = optuna.create_study()

    found = search(KNOWN, plan(), LineTrainer(), 6, study, unheard_of)

    assert tried(study)[0] == 1.0
    assert found.trials == 6
    assert found.log_loss <= found.own_log_loss
    assert 0.1 <= found.parameters["ridge"] <= 1_000.0


def test_a_search_that_was_stopped_makes_the_same_trials() -> None:
    whole, parts = optuna.create_study(), optuna.create_study()

    search(KNOWN, plan(), LineTrainer(), 5, whole, unheard_of)
    search(KNOWN, plan(), LineTrainer(), 2, parts, unheard_of)
    search(KNOWN, plan(), LineTrainer(), 5, parts, unheard_of)

    assert tried(parts) == tried(whole)


def test_the_plan_has_the_parameters_and_says_how_many_were_tried() -> None:
    found: Plan = searched(KNOWN, plan(), {"line": LineTrainer()}, 3, InMemory(), unheard_of)

    assert found.trials == 3
    assert set(found.parameters["line"]) == {"ridge"}


def test_parameters_that_do_not_go_together_are_a_failed_trial() -> None:
    class Choosy(LineTrainer):
        def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> Line:
            if (wishes.parameters or {})["ridge"] != 1.0:
                raise InvalidInput.at("ridge", "expected 1")
            return super().fit(examples, later, wishes, progress)

    found = search(KNOWN, plan(), Choosy(), 3, optuna.create_study(), unheard_of)

    assert found.parameters == {"ridge": 1.0}


@pytest.mark.parametrize(
    ("own", "low", "high", "expected"),
    [
        (5, 2, 8, optuna.distributions.IntDistribution(2, 8)),
        (0.9, 0.5, 1.0, optuna.distributions.FloatDistribution(0.5, 1.0)),
        (0.05, 0.01, 0.2, optuna.distributions.FloatDistribution(0.01, 0.2, log=True)),
    ],
)
def test_whole_numbers_stay_whole_and_wide_ranges_are_tried_by_magnitude(
    own: float, low: float, high: float, expected: object
) -> None:
    assert distribution(own, low, high) == expected
