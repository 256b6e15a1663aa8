"""Conformal answers: the outcome lies in the answer as often as it was promised, whatever the chances are worth."""

import numpy as np
import pytest

from ml_service.domain.models.conformal import Conformal, conformal, kept

RANDOM = np.random.default_rng(6)


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_it_keeps_its_promise_also_for_chances_that_are_wrong(power: float) -> None:
    true = RANDOM.random(40_000)
    truth = RANDOM.random(40_000) < true
    rule = conformal(true[:20_000] ** power, truth[:20_000])

    found = kept(rule.least, true[20_000:] ** power, truth[20_000:])

    assert found.covered == pytest.approx(0.9, abs=0.01)


def test_with_too_few_rows_it_leaves_everything_open() -> None:
    rule = conformal(np.array([0.9, 0.8]), np.array([True, True]))
    found = kept(rule.least, np.array([0.999, 0.001]), np.array([False, True]))

    assert rule == Conformal(0.0)
    assert (found.covered, found.decided) == (1.0, 0.0)


def test_each_row_may_have_a_rule_of_its_own() -> None:
    found = kept(np.array([0.1, 0.9]), np.array([0.8, 0.8]), np.array([False, True]))

    assert (found.covered, found.decided, found.rows) == (0.5, 0.0, 2)
