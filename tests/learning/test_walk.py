"""Walk: whatever a fold is weighed and calibrated by was known before its first row."""

from dataclasses import replace

import numpy as np

from ml_service.learning.dataset import Dataset
from ml_service.learning.labels import Label
from ml_service.learning.members import Fitted, KeepNothing
from ml_service.learning.plan import Plan
from ml_service.learning.training import fit_all, spans_of, unheard
from ml_service.learning.walk import Walk, walk
from tests.learning.planted import LineTrainer, dataset, plan

HORIZON = 100
PLAN = plan("line", "loose", label=Label(HORIZON), parameters={"loose": {"ridge": 1_000.0}})
TRAINERS = {"line": LineTrainer(), "loose": LineTrainer("loose")}


def slow(known: Dataset) -> Dataset:
    """Each label is known a horizon later."""
    return replace(known, known_from=known.places + HORIZON)


def fits_of(known: Dataset, of: Plan) -> dict[str, list[Fitted]]:
    fits, _ = fit_all(known, "", spans_of(known, of), of, TRAINERS, KeepNothing(), unheard)
    return fits


def walked(known: Dataset, fits: dict[str, list[Fitted]]) -> Walk:
    return walk(known, spans_of(known, PLAN), fits, PLAN.embargo)


def test_no_label_that_was_not_known_yet_moves_a_weight() -> None:
    known = slow(dataset(4_000, strength=0.5))
    begin = int(spans_of(known, PLAN)[1].test[0])
    unknown = (known.known_from + PLAN.embargo > known.places[begin]) & (known.places < known.places[begin])
    other = replace(
        known,
        bought=np.where(unknown, -known.bought, known.bought),
        sold=np.where(unknown, -known.sold, known.sold),
    )
    fits = fits_of(known, PLAN)

    one, another = walked(known, fits).stretches[1], walked(other, fits).stretches[1]

    assert one.mixture.weights["*"].steps == 1
    assert one.mixture.weights == another.mixture.weights
    assert np.array_equal(one.combined, another.combined)
