"""Stays: how long, how often too short, and what follows."""

import numpy as np
import pytest

from ml_service.domain.market.regime_stays import Codes, Stays, known, runs, stays_of, transitions
from ml_service.domain.market.regimes import UNKNOWN


def codes(text: str) -> Codes:
    """A digit for each bar, a dot where the regime is unknown."""
    return np.array([UNKNOWN if sign == "." else int(sign) for sign in text], np.int8)


def test_bars_before_the_first_that_is_told_do_not_count() -> None:
    assert known(codes("...0112")).tolist() == [0, 1, 1, 2]


def test_a_stay_lasts_until_another_regime_is_told() -> None:
    regimes, lengths = runs(codes("0001122223"))

    assert regimes.tolist() == [0, 1, 2, 3]
    assert lengths.tolist() == [3, 2, 4, 1]


def test_stays_of_fewer_than_three_bars_are_short() -> None:
    assert stays_of(runs(codes("0001122223"))[1]) == Stays(4, 2.5, 2.5, 0.5)


@pytest.mark.parametrize("text", ["", "..."])
def test_nothing_told_makes_no_stay(text: str) -> None:
    regimes, lengths = runs(known(codes(text)))

    assert regimes.size == 0
    assert stays_of(lengths) == Stays(0, None, None, None)
    assert transitions(regimes) == ((0.0,) * 4,) * 4


def test_transitions_are_shares_of_the_times_a_regime_ended() -> None:
    stays, _ = runs(codes("0010110200103"))

    assert transitions(stays) == (
        (0.0, 0.6, 0.2, 0.2),
        (1.0, 0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
    )
