"""A data set of candles: what it learns from, what it leaves out, and a hash that knows the difference."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.domain.market.settlement import Costs
from ml_service.features.rows import WARM_UP_BARS
from ml_service.learning.from_candles import from_candles
from ml_service.learning.labels import Label
from tests.candles import HOUR_MS, walk

COSTS = Costs()
LABEL = Label(12)


def test_moves_within_the_costs_teach_nothing_and_pay_nobody() -> None:
    found = from_candles(walk(900), HOUR_MS, LABEL, Costs(fee_percent=0.5)).dataset
    within = found.rose == -1

    assert 10 < within.sum() < len(found)
    assert (found.bought[within] <= 0.0).all()
    assert (found.sold[within] <= 0.0).all()
    assert len(found.examples()) == np.count_nonzero(found.teaches) < len(found)


def test_risen_and_fallen_examples_count_alike() -> None:
    examples = from_candles(walk(900), HOUR_MS, LABEL, COSTS).dataset.examples()

    assert examples.weights[examples.rose == 1].sum() == pytest.approx(examples.weights[examples.rose == 0].sum())
    assert examples.weights.mean() == pytest.approx(1.0)


def test_noise_is_tested_on_but_not_learned_from() -> None:
    candles = walk(900)
    volume = candles.volume.copy()
    volume[700] = 0.0

    found = from_candles(replace(candles, volume=volume), HOUR_MS, LABEL, COSTS)

    place = int(np.flatnonzero(found.dataset.places == 700)[0])
    assert not found.dataset.keep[place]
    assert not found.dataset.teaches[place]


def test_rows_begin_after_the_warm_up_and_where_they_were_asked_for() -> None:
    candles = walk(900)
    whole = from_candles(candles, HOUR_MS, LABEL, COSTS).dataset
    part = from_candles(candles, HOUR_MS, LABEL, COSTS, since_ms=int(candles.opened_at_ms[500])).dataset

    assert whole.places[0] == WARM_UP_BARS
    assert part.places[0] == 500
    assert part.rows.shape == whole.rows.shape


def test_the_same_rows_have_the_same_hash_and_others_another() -> None:
    one = from_candles(walk(900), HOUR_MS, LABEL, COSTS).dataset
    again = from_candles(walk(900), HOUR_MS, LABEL, COSTS).dataset
    dearer = from_candles(walk(900), HOUR_MS, LABEL, Costs(fee_percent=0.05)).dataset

    assert one.hash == again.hash
    assert one.hash != dearer.hash
    assert one.hash != one.some(np.arange(len(one) - 1)).hash


def test_a_decision_speaks_for_the_other_side_where_it_did_not_pay() -> None:
    one = from_candles(walk(900), HOUR_MS, LABEL, COSTS).dataset.some(np.arange(4))
    nan = np.nan
    decided = replace(one, bought=np.array([0.01, -0.01, nan, nan]), sold=np.array([nan, nan, 0.01, -0.01]))

    assert decided.rose.tolist() == [1, 0, 0, 1]
