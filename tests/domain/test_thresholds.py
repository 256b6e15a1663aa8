"""Thresholds by hand: always inside their bounds, every mistake named."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.thresholds import bounded, policy_from, set_values
from ml_service.domain.types import Limits
from ml_service.errors import InvalidInput
from tests.builders import SETTINGS, policy, thresholds, values


def test_values_inside_the_bounds_are_left_as_they_are() -> None:
    row = thresholds(rsi_threshold=77.0)

    assert bounded(row, policy()) is row


def test_values_outside_newly_drawn_bounds_move_to_the_nearest_one() -> None:
    row = thresholds(rsi_threshold=90.0, confidence_threshold=0.2)
    narrow = dict(policy()) | {
        "rsi_threshold": Limits(70.0, 60.0, 80.0),
        "confidence_threshold": Limits(0.65, 0.5, 0.9),
    }

    kept = bounded(row, narrow).values

    assert (kept["rsi_threshold"], kept["confidence_threshold"]) == (80.0, 0.5)
    assert kept["volume_threshold"] == row.values["volume_threshold"]


def test_a_parameter_that_joined_later_starts_from_its_default() -> None:
    row = thresholds()
    old = {name: value for name, value in row.values.items() if name != "macd_threshold"}

    assert bounded(replace(row, values=old), policy()).values["macd_threshold"] == 0.0


def test_a_parameter_that_left_the_shelf_is_dropped() -> None:
    row = thresholds(former_threshold=1.0)

    assert set(bounded(row, policy()).values) == set(PARAMETERS)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*PARAMETERS, "unknown"]), st.floats(allow_nan=False)))
def test_no_row_whatever_leaves_the_bounds(stored: dict[str, float]) -> None:
    kept = bounded(replace(thresholds(), values=stored), policy()).values

    assert set(kept) == set(PARAMETERS)
    assert all(PARAMETERS[name].low <= value <= PARAMETERS[name].high for name, value in kept.items())


def test_setting_one_value_leaves_the_others() -> None:
    current = values(rsi_threshold=75.0)

    following = set_values(current, {"macd_threshold": 0.05}, policy())

    assert following == values(rsi_threshold=75.0, macd_threshold=0.05)


@pytest.mark.parametrize("name", PARAMETERS)
def test_both_bounds_may_be_set(name: str) -> None:
    parameter = PARAMETERS[name]

    assert set_values(values(), {name: parameter.low}, policy())[name] == parameter.low
    assert set_values(values(), {name: parameter.high}, policy())[name] == parameter.high


def test_every_wrong_value_is_named_with_what_was_expected() -> None:
    wanted = {"rsi_threshold": 91.0, "macd_threshold": 0.05, "volume_threshold": 1.0, "mood_threshold": 1.0}

    with pytest.raises(InvalidInput) as caught:
        set_values(values(), wanted, policy())

    told = {error.path: error.message for error in caught.value.errors}
    assert set(told) == {"thresholds.rsi_threshold", "thresholds.volume_threshold", "thresholds.mood_threshold"}
    assert told["thresholds.rsi_threshold"] == "expected 50 to 90, found 91"


def test_not_a_number_is_outside_every_bound() -> None:
    with pytest.raises(InvalidInput):
        set_values(values(), {"rsi_threshold": float("nan")}, policy())


def test_a_policy_comes_back_from_its_settings_document() -> None:
    assert policy_from(SETTINGS.document()) == SETTINGS.gate_policy


def test_a_document_from_before_a_parameter_existed_gets_its_defaults() -> None:
    document = SETTINGS.document()
    gate = {name: limits for name, limits in document["gate"].items() if name != "rsi_threshold"}

    assert policy_from({**document, "gate": gate})["rsi_threshold"] == Limits(70.0, 50.0, 90.0)
