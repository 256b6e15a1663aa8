"""Fitting a calibration: it finds the line that made the rows, and no line where there is none."""

import numpy as np
import pytest

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.fitting import calibrated, fitted, log_odds_of, squashed_all

RANDOM = np.random.default_rng(3)


def outcomes(figures: np.ndarray, line: Calibration) -> np.ndarray:
    return RANDOM.random(figures.size) < calibrated(line, figures)


def test_it_finds_the_line_that_made_the_rows() -> None:
    figures = squashed_all(RANDOM.normal(0.0, 1.0, 200_000))

    line = fitted(figures, outcomes(figures, Calibration(-0.7, 0.5)))

    assert (line.intercept, line.slope) == pytest.approx((-0.7, 0.5), abs=0.03)


def test_it_is_where_the_likelihood_is_level() -> None:
    figures = squashed_all(RANDOM.normal(0.0, 2.0, 500))
    truth = outcomes(figures, Calibration(0.2, 1.5))

    line = fitted(figures, truth)

    missed = truth - calibrated(line, figures)
    assert abs(missed.mean()) < 1e-4
    assert abs((missed * log_odds_of(figures)).mean()) < 1e-4


def test_figures_that_were_the_wrong_way_round_get_no_say() -> None:
    figures = squashed_all(RANDOM.normal(0.0, 1.0, 2_000))
    truth = outcomes(figures, Calibration(0.0, -1.0))

    line = fitted(figures, truth)

    assert line.slope == 0.0
    assert line(0.9) == line(0.1) == pytest.approx(truth.mean(), abs=1e-3)


@pytest.mark.parametrize("truth", [np.ones(10, bool), np.zeros(10, bool)])
def test_one_outcome_alone_makes_nobody_certain(truth: np.ndarray) -> None:
    line = fitted(np.linspace(0.1, 0.9, 10), truth)

    assert line.slope == 0.0
    assert 0.04 < line(0.5) < 0.96


def test_rows_that_a_figure_parts_without_a_fault_still_give_a_line() -> None:
    figures = np.linspace(0.01, 0.99, 100)

    line = fitted(figures, figures > 0.5)

    assert np.isfinite((line.intercept, line.slope)).all()
    assert line(0.9) > 0.95
