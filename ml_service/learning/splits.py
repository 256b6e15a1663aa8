"""Splits in time: train on what was known, test on what came later. Nothing is ever shuffled.

A label reaches into the future, so whatever was not known when the tested stretch begins is purged; and a stretch
of bars before it is left out besides (embargo), since neighbours resemble each other (López de Prado 2018, ch. 7).
"""

from dataclasses import dataclass

import numpy as np

from ml_service.learning.examples import Places

FIRST_SHARE = 0.4
"""Of the rows are never tested on: the first fold needs something to learn from."""
LATER_SHARE = 0.2
"""Of what a fold may learn from, the last part is kept for weights and calibration …"""
STOP_SHARE = 0.15
"""… and of the rest the last part tells when to stop."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Numbers of labelled rows, each part later than the one before, and purged against it."""

    fit: Places
    stop: Places
    later: Places


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    before: Places
    """All that may be learned from …"""
    test: Places
    """… before it is tested on these."""


def walk_forward(
    places: Places, known_from: Places, folds: int, embargo: int, first_share: float = FIRST_SHARE
) -> tuple[Fold, ...]:
    """Stretches of equal length, one after the other, up to the end; each is tested by what came before it."""
    assert folds >= 1
    edges = np.linspace(round(first_share * places.size), places.size, folds + 1).round().astype(np.int64)
    return tuple(
        Fold(known_before(places, known_from, begin, embargo), np.arange(begin, end))
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    )


def parted(places: Places, known_from: Places, before: Places, embargo: int) -> Parts:
    """What a fold may learn from, in three: to fit, to stop in time, to calibrate."""
    later = before[round((1.0 - LATER_SHARE) * before.size) :]
    stop_end = later[0] if later.size else before.size
    learn = known_before(places, known_from, int(stop_end), embargo)
    stop = learn[round((1.0 - STOP_SHARE) * learn.size) :]
    fit_end = stop[0] if stop.size else 0
    return Parts(known_before(places, known_from, int(fit_end), embargo), stop, later)


def known_before(places: Places, known_from: Places, begin: int, embargo: int) -> Places:
    """Rows before this one whose label was known the embargo before it."""
    if begin >= places.size:
        return np.arange(places.size)
    candidates = np.arange(begin)
    found: Places = candidates[known_from[:begin] + embargo <= places[begin]]
    return found
