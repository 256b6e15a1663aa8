"""Fitting a calibration: the line from figures to chances that later rows bear out (Platt 1999), by Newton's steps."""

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.models.calibration import NEAREST, Calibration

STEPS_MAX = 50
SETTLED = 1e-10
HELD = 1e-3
"""As many pseudo-rows, share of one, hold the line where all rows say the same."""

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]


def fitted(figures: Floats, came_true: Truths) -> Calibration:
    """Maximum likelihood; where the best slope were below 0 it is 0, and the chance is the base rate."""
    assert figures.size == came_true.size > 0
    odds = log_odds_of(figures)
    line = newton(odds, came_true.astype(np.float64))
    if line is None or line.slope <= 0.0:
        return Calibration(intercept=base_odds(came_true), slope=0.0)
    return line


def newton(odds: Floats, truth: Floats) -> Calibration | None:
    """None where the likelihood has no single top: one outcome only, or one figure only."""
    if truth.min() == truth.max() or np.ptp(odds) < SETTLED:
        return None
    columns = np.stack((np.ones(odds.size), odds))
    line = np.array([base_odds(truth > 0.5), 0.0])
    loss = penalised(columns, truth, line)
    for _ in range(STEPS_MAX):
        chance = squashed_all(line @ columns)
        slopes = columns @ (truth - chance) - HELD * line
        curve = (columns * (chance * (1.0 - chance))) @ columns.T + HELD * np.eye(2)
        step: Floats = np.linalg.solve(curve, slopes).astype(np.float64)
        line, loss, moved = searched(columns, truth, line, step, loss)
        if moved < SETTLED:
            break
    return Calibration(float(line[0]), float(line[1]))


def searched(columns: Floats, truth: Floats, line: Floats, step: Floats, loss: float) -> tuple[Floats, float, float]:
    """The step, halved until it betters the likelihood."""
    for _ in range(30):
        tried = line + step
        found = penalised(columns, truth, tried)
        if found <= loss:
            return tried, found, float(np.abs(step).max())
        step = step / 2.0
    return line, loss, 0.0


def penalised(columns: Floats, truth: Floats, line: Floats) -> float:
    odds = line @ columns
    return float(np.sum(np.logaddexp(0.0, odds) - truth * odds) + HELD * float(line @ line) / 2.0)


def log_odds_of(figures: Floats) -> Floats:
    """As `calibration.log_odds`, of many."""
    held = np.clip(figures, NEAREST, 1.0 - NEAREST)
    found: Floats = np.log(held / (1.0 - held))
    return found


def squashed_all(odds: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0.0, -odds))
    return found


def calibrated(line: Calibration, figures: Floats) -> Floats:
    return squashed_all(line.intercept + line.slope * log_odds_of(figures))


def base_odds(came_true: Truths) -> float:
    """Of the base rate, half an outcome of either kind added, so that it is never certain."""
    count = came_true.size
    true = int(np.count_nonzero(came_true))
    return float(np.log((true + 0.5) / (count - true + 0.5)))


def on_base(figures: Floats, base: float) -> Floats:
    """Members learn as if rising and falling were equally frequent; this is what they say of how frequent they were
    (King and Zeng 2001)."""
    if not 0.0 < base < 1.0:
        return figures
    return squashed_all(log_odds_of(figures) + float(np.log(base / (1.0 - base))))
