"""Metrics: known answers, and those of scikit-learn where it is installed."""

import numpy as np
import pytest

from ml_service.domain.models.metrics import (
    auc,
    brier,
    calibration_error,
    confusion,
    log_losses,
    mean,
    ranks,
    reliability,
)

RANDOM = np.random.default_rng(5)
CHANCES = RANDOM.random(5_000).round(2)
TRUTH = RANDOM.random(5_000) < CHANCES


def test_they_agree_with_scikit_learn() -> None:
    theirs = pytest.importorskip("sklearn.metrics")
    often = RANDOM.integers(0, 4, 5_000).astype(float)
    found = confusion(CHANCES, TRUTH, 0.6)

    assert auc(ranks(CHANCES), TRUTH, often) == pytest.approx(
        theirs.roc_auc_score(TRUTH, CHANCES, sample_weight=often), abs=1e-12
    )
    assert mean(log_losses(CHANCES, TRUTH), np.ones(5_000)) == pytest.approx(
        theirs.log_loss(TRUTH, np.clip(CHANCES, 1e-6, 1 - 1e-6))
    )
    assert brier(CHANCES, TRUTH) == pytest.approx(theirs.brier_score_loss(TRUTH, CHANCES))
    assert found.f1 == pytest.approx(theirs.f1_score(TRUTH, CHANCES >= 0.6))
    assert found.precision == pytest.approx(theirs.precision_score(TRUTH, CHANCES >= 0.6))
    assert found.recall == pytest.approx(theirs.recall_score(TRUTH, CHANCES >= 0.6))


def test_an_auc_in_bins_is_the_exact_one_to_a_thousandth() -> None:
    figures = RANDOM.normal(size=20_000)
    truth = RANDOM.random(20_000) < 1.0 / (1.0 + np.exp(-figures))
    exact = np.argsort(np.argsort(figures)).astype(np.int64)

    ones = np.ones(20_000)
    assert auc(ranks(figures), truth, ones) == pytest.approx(auc(exact, truth, ones), abs=1e-3)


def test_nothing_is_made_up_where_all_came_to_the_same() -> None:
    assert np.isnan(auc(ranks(CHANCES), np.ones(5_000, bool), np.ones(5_000)))
    assert np.isnan(confusion(CHANCES, np.zeros(5_000, bool), 2.0).f1)


def test_chances_that_are_true_are_reliable_and_others_are_not() -> None:
    assert calibration_error(CHANCES, TRUTH) < 0.025
    assert calibration_error(CHANCES**3, TRUTH) > 0.2


def test_equal_chances_stay_in_one_bin() -> None:
    found = reliability(np.full(100, 0.3), np.arange(100) < 40)

    (one,) = found
    assert one.told == pytest.approx(0.3)
    assert (one.came, one.rows) == (0.4, 100)


def test_fewer_rows_than_bins_have_a_bin_each() -> None:
    found = reliability(np.array([0.8, 0.2]), np.array([True, False]))

    assert [(one.told, one.came, one.rows) for one in found] == [(0.2, 0.0, 1), (0.8, 1.0, 1)]
