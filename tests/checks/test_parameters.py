"""What must be true of every parameter of the gate, the next one included."""

import importlib
import math
from pathlib import Path

import pytest

from ml_service.domain import parameters
from ml_service.domain.gate import decide
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.parameters.spec import Parameter, meets
from ml_service.domain.types import Trade
from tests.builders import policy, signal, values

MEMBERS = list(PARAMETERS.values())
SIDES: tuple[Trade, Trade] = ("BUY", "SELL")
every_parameter = pytest.mark.parametrize("parameter", MEMBERS, ids=list(PARAMETERS))


def samples(parameter: Parameter) -> list[float]:
    """Values around the limits, and the ends of what a signal may carry."""
    around = [
        limit + step
        for threshold in (parameter.low, parameter.default, parameter.high)
        for side in SIDES
        for limit in (parameter.limit(threshold, side), -parameter.limit(threshold, side))
        for step in (-1e-9, 0.0, 1e-9)
    ]
    ends = [end for end in (parameter.value_low, parameter.value_high) if end is not None]
    low = parameter.value_low if parameter.value_low is not None else float("-inf")
    high = parameter.value_high if parameter.value_high is not None else float("inf")
    return [value for value in (*around, *ends, 0.0) if low <= value <= high]


def test_every_file_of_the_shelf_is_in_its_table_of_contents() -> None:
    folder = Path(parameters.__file__).parent
    files = sorted(file.stem for file in folder.glob("*.py") if file.stem not in ("__init__", "spec"))

    members = [importlib.import_module(f"ml_service.domain.parameters.{name}").PARAMETER for name in files]

    assert {id(member) for member in members} == {id(member) for member in MEMBERS}


@every_parameter
def test_a_parameter_is_filed_under_its_own_name(parameter: Parameter) -> None:
    assert PARAMETERS[parameter.name] is parameter
    assert parameter.name.endswith("_threshold")


def test_no_two_parameters_read_the_same_field() -> None:
    fields = [name for parameter in MEMBERS for name in parameter.fields]

    assert len(fields) == len(set(fields))


@every_parameter
def test_the_default_lies_within_the_bounds(parameter: Parameter) -> None:
    assert parameter.low <= parameter.default <= parameter.high
    assert parameter.low < parameter.high


@every_parameter
def test_a_log_scale_has_positive_bounds(parameter: Parameter) -> None:
    assert parameter.scale == "linear" or parameter.low > 0


@every_parameter
def test_the_bounds_lie_within_what_a_signal_may_carry(parameter: Parameter) -> None:
    for side in SIDES:
        for threshold in (parameter.low, parameter.high):
            limit = parameter.limit(threshold, side)
            assert parameter.value_low is None or limit >= parameter.value_low
            assert parameter.value_high is None or limit <= parameter.value_high


@every_parameter
def test_sell_mirrors_buy(parameter: Parameter) -> None:
    """What passes a BUY passes a SELL seen in the mirror: RSI around 50, signed values around 0, the rest as is."""
    mirrored = {
        "rsi_threshold": lambda value: 100.0 - value,
        "macd_threshold": lambda value: 0.0 - value,
        "ma_crossover_threshold": lambda value: 0.0 - value,
    }.get(parameter.name, lambda value: value)

    for threshold in (parameter.low, parameter.default, parameter.high):
        for value in samples(parameter):
            buy = passes(parameter, value, threshold, "BUY")
            assert passes(parameter, mirrored(value), threshold, "SELL") == buy, (threshold, value)


@every_parameter
@pytest.mark.parametrize("side", SIDES)
def test_the_limit_shown_is_the_limit_tested(parameter: Parameter, side: Trade) -> None:
    for threshold in (parameter.low, parameter.default, parameter.high):
        limits = values(**{parameter.name: threshold})
        for value in samples(parameter):
            verdict = decide(signal(side, **{parameter.fields[0]: value}), limits, policy())
            reason = next(one for one in verdict.reasons if one.parameter == parameter.name)
            assert reason.limit is not None
            expected = {
                "at_least": value >= reason.limit,
                "at_most": value <= reason.limit,
                "magnitude_at_least": abs(value) >= reason.limit,
            }[parameter.comparison(side)]
            assert (reason.verdict == "pass") == expected, (threshold, value)


@every_parameter
@pytest.mark.parametrize("side", SIDES)
def test_the_limit_is_shown_where_the_value_is_missing_as_well(parameter: Parameter, side: Trade) -> None:
    other = next(one for one in MEMBERS if one is not parameter)

    verdict = decide(signal(side, **{other.fields[0]: 1.0}), values(), policy())

    reason = next(one for one in verdict.reasons if one.parameter == parameter.name)
    assert reason.verdict == "none"
    assert reason.value is None
    assert reason.limit == parameter.limit(parameter.default, side)


@every_parameter
def test_the_first_field_present_counts(parameter: Parameter) -> None:
    passing = next(value for value in samples(parameter) if passes(parameter, value, parameter.default, "BUY"))

    for position, field in enumerate(parameter.fields):
        later = dict.fromkeys(parameter.fields[position + 1 :], 0.0)
        verdict = decide(signal("BUY", **later, **{field: passing}), values(), policy())

        reason = next(one for one in verdict.reasons if one.parameter == parameter.name)
        assert (reason.value, reason.verdict) == (passing, "pass")


def passes(parameter: Parameter, value: float, threshold: float, side: Trade) -> bool:
    return meets(value, parameter.limit(threshold, side), parameter.comparison(side))


@every_parameter
@pytest.mark.parametrize("side", SIDES)
def test_a_learner_that_only_knows_buys_judges_as_the_gate_does(parameter: Parameter, side: Trade) -> None:
    for threshold in (parameter.low, parameter.default, parameter.high):
        limit = parameter.limit(threshold, side)
        for value in samples(parameter):
            if abs(abs(value) - abs(limit)) < 1e-6:
                continue  # At the limit itself, mirroring may cost the last digit.
            gate = meets(value, limit, parameter.comparison(side))
            assert (parameter.sense * parameter.facing(value, side) >= parameter.sense * threshold) == gate


@every_parameter
def test_the_usual_spread_fits_between_the_bounds(parameter: Parameter) -> None:
    ends = (
        (math.log(parameter.low), math.log(parameter.high))
        if parameter.scale == "log"
        else (parameter.low, parameter.high)
    )

    assert 0.0 < parameter.spread < ends[1] - ends[0]
