"""The calibrated ensemble on a signal whose best forecast is known: how much of the achievable gain it makes."""

import numpy as np
import pytest

from ml_service.adapters.inference.graph import open_graph
from ml_service.domain.market.candles import Floats
from ml_service.learning.dataset import Dataset
from ml_service.learning.members import KeepNothing
from ml_service.learning.trainers import trainer
from ml_service.learning.training import fit_all, spans_of, train
from ml_service.learning.walk import walk
from tests.learning.examples import chances
from tests.learning.planted import dataset, plan, relabelled

MODELS = ("logistic", "forest", "xgboost", "lightgbm", "lstm")
TRAINERS = {name: trainer(name) for name in MODELS}


def share_of_the_gain(told: Floats, rows: Dataset) -> float:
    """Of what saying the true chance gains on the base rate, in expected log loss: no luck of single outcomes in it."""
    true = chances(rows.rows[rows.places])
    return (entropy(np.full(true.size, true.mean()), true) - entropy(told, true)) / (
        entropy(np.full(true.size, true.mean()), true) - entropy(true, true)
    )


def entropy(told: Floats, true: Floats) -> float:
    return float(-np.mean(true * np.log(told) + (1.0 - true) * np.log(1.0 - told)))


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_the_calibrated_ensemble_makes_95_percent_of_the_achievable_gain() -> None:
    known, wanted = dataset(16_000), plan(*MODELS, folds=4)
    spans = spans_of(known, wanted)
    fits, left_out = fit_all(known, known.hash, spans, wanted, TRAINERS, KeepNothing(), lambda *_: None)

    walked = walk(known, spans, fits, wanted.embargo)
    shares = [share_of_the_gain(one.chances("BUY"), one.rows) for one in walked.stretches]

    assert left_out == {}
    assert np.mean(shares) >= 0.95, shares
    assert shares[-1] >= 0.96, shares


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_its_chances_are_reliable_and_shuffled_labels_give_no_skill() -> None:
    found = train(dataset(12_000), plan(*MODELS, folds=3), TRAINERS, open_graph=open_graph).evaluation
    luck = train(relabelled(dataset(6_000)), plan(*MODELS, folds=3), TRAINERS, open_graph=open_graph).evaluation

    assert found.has_skill
    assert max(side.calibration_error for side in found.sides) <= 0.03
    assert not luck.has_skill
