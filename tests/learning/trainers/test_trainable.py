"""Whether anything can be learned from examples, and with which parameters."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.errors import InvalidInput, Untrainable
from ml_service.features.schema import Schema
from ml_service.learning.trainers.trainable import chosen, examine
from tests.learning.examples import planted

OWN = {"depth": 5, "rate": 0.05, "rows": 0.9}


def test_enough_examples_of_both_kinds_can_be_learned_from() -> None:
    examine(planted(100))


def test_infinite_numbers_are_refused_with_the_features_that_have_them() -> None:
    known = planted(200)
    known.rows[3, known.schema.names.index("rsi")] = np.inf

    with pytest.raises(Untrainable, match="infinite ones of rsi"):
        examine(known)


def test_rows_that_are_all_the_same_teach_nothing() -> None:
    known = planted(200)
    known.rows[:, :20] = 4.0
    known.rows[:, 20:] = np.nan

    with pytest.raises(Untrainable, match="at least one feature that varies"):
        examine(known)


def test_later_examples_must_have_the_same_features() -> None:
    known = planted(200)
    foreign = Schema(known.schema.version + 1, known.schema.names, "0" * 16)

    with pytest.raises(Untrainable, match="version: expected 1, found 2"):
        examine(known, replace(known, schema=foreign))


def test_wished_parameters_stand_in_place_of_the_trainers_own() -> None:
    assert chosen(OWN, {"depth": 3.0}) == {"depth": 3, "rate": 0.05, "rows": 0.9}
    assert chosen(OWN, None) == OWN


@pytest.mark.parametrize(
    ("wished", "message"),
    [
        ({"luck": 1.0}, "parameters.luck: expected one of depth, rate"),
        ({"rate": np.nan}, "parameters.rate: expected a finite number of at least 0, found nan"),
        ({"rate": -0.1}, "found -0.1"),
        ({"depth": 0.0}, "parameters.depth: expected a whole number of at least 1, found 0.0"),
        ({"depth": 2.5}, "found 2.5"),
        ({"rows": 1.1}, "parameters.rows: expected a share from 0 to 1, found 1.1"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(wished: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        chosen(OWN, wished)
