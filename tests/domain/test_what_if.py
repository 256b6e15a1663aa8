"""Other thresholds over past signals: the very gate that decides, and figures that add up by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.gate import decide
from ml_service.domain.lessons import Lesson, faced
from ml_service.domain.outcomes import DAY_MS, StoredOutcome
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.statistics.student import student_quantile
from ml_service.domain.types import Action, OnMissing, Signal
from ml_service.domain.what_if import Choice, Comparison, Flips, KnownResult, OpenSignal, compare, flips, matrix, taken
from tests.builders import NOW_MS, outcome, policy, signal, values

LOOSER = Choice(values(), values(confidence_threshold=0.5))


def result(confidence: float, r: float | None = None, day: int = 0, **fields: Any) -> KnownResult:
    given: dict[str, Any] = {"pnl": None, "pnl_percent": None, **({"pnl": r, "risk": 1.0} if r is not None else {})}
    percent_per_r = fields.pop("percent_per_r", None)
    seen = faced(signal(confidence=confidence), None)
    assert seen is not None
    told = StoredOutcome(outcome(**{**given, **fields}), NOW_MS, "decision_id", "d", None, Lesson(seen, "*", 0, True))
    return KnownResult(told, NOW_MS + day * DAY_MS, percent_per_r)


def compared(*known: KnownResult, choice: Choice = LOOSER) -> Comparison:
    choices = {one.stored.outcome.symbol: choice for one in known}
    return compare(known, choices, policy())


# The gate

# Quarters, so that 100 minus a value is exact: the mirror of RSI is not to be tested for its last digit.
quarters = st.integers(-40, 440).map(lambda number: number / 4)


@given(
    action=st.sampled_from(["BUY", "SELL"]),
    carried=st.dictionaries(
        st.sampled_from(["confidence", "rsi", "macd", "ma_crossover", "volume", "change_percent"]), quarters
    ),
    limits=st.fixed_dictionaries(dict.fromkeys(PARAMETERS, quarters)),
    demands=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.sampled_from(["ignore", "abstain", "reject"])),
)
def test_what_is_taken_here_is_what_the_gate_takes(
    action: Action, carried: dict[str, float], limits: Mapping[str, float], demands: dict[str, OnMissing]
) -> None:
    judged = Signal("BTCUSDT", action, carried)
    seen = faced(judged, None)

    decided = decide(judged, limits, policy(**demands)).decision == "take"

    here = bool(taken(matrix([seen]), limits, policy(**demands))[0]) if seen is not None else False
    assert here == decided


def test_a_parameter_that_joined_the_shelf_later_was_not_carried() -> None:
    assert np.isnan(matrix([(0.9,), (0.9, 50.0)])[:, 2:]).all()


# What would have changed


def test_every_signal_that_is_judged_otherwise_is_in_one_of_four_places() -> None:
    known = [result(0.9, 2.0), result(0.6, 3.0), result(0.6, -1.0), result(0.6, 0.0), result(0.4, 5.0)]

    loose = compared(*known)
    tight = compared(*known, choice=Choice(LOOSER.then, LOOSER.now))

    assert (loose.signals.count, loose.taken_now.count, loose.taken_then.count) == (5, 1, 4)
    assert (loose.gained.count, loose.let_in.count, loose.missed.count, loose.avoided.count) == (1, 2, 0, 0)
    assert (tight.gained.count, tight.let_in.count, tight.missed.count, tight.avoided.count) == (0, 0, 1, 2)
    assert loose.gained.sum_r is not None
    assert loose.gained.sum_r.value == 3.0
    assert tight.avoided.mean_r is not None
    assert tight.avoided.mean_r.value == -0.5


def test_what_was_never_traded_is_worth_a_little_less() -> None:
    told = compared(result(0.6, 1.0, accepted=False), result(0.6, 0.04, accepted=False)).signals

    assert (told.count, told.counterfactual) == (2, 2)
    assert told.sum_r is not None
    assert told.sum_r.value == pytest.approx(0.94)
    assert told.pnl == 1.04
    # What the haircut turns into a loss was not won.
    assert compared(result(0.6, 0.04, accepted=False)).let_in.count == 1


def test_each_symbol_is_judged_by_its_own_thresholds() -> None:
    known = [result(0.6, 1.0, symbol="A"), result(0.6, 1.0, symbol="B")]
    choices = {"A": LOOSER, "B": Choice(values(), values())}

    assert compare(known, choices, policy()).gained.count == 1


def test_a_result_without_risk_is_measured_by_percent() -> None:
    learned = result(0.6, pnl_percent=3.0, percent_per_r=2.0)
    young = result(0.6, pnl_percent=3.0)

    told = compared(learned, young).signals

    assert told.sum_r is not None
    assert told.sum_r.value == 4.5
    assert (told.pnl, told.pnl_known) == (None, 0)


def test_from_twenty_results_on_their_spread_is_the_unit_of_risk() -> None:
    percents = [float(number % 5) for number in range(20)]

    told = compared(*(result(0.6, pnl_percent=percent) for percent in percents)).signals

    assert told.sum_r is not None
    assert told.sum_r.value == pytest.approx(sum(percents) / np.std(percents, ddof=1))


def test_where_only_the_profit_is_known_it_says_who_won() -> None:
    told = compared(result(0.6, pnl=5.0), result(0.6, pnl=-5.0))

    assert (told.gained.count, told.let_in.count) == (1, 1)
    assert (told.gained.r_known, told.gained.sum_r, told.gained.pnl) == (0, None, 5.0)
    assert told.difference_per_day is None


def test_intervals_count_days_as_the_pieces() -> None:
    # Two signals on one day are one piece of evidence, so these are two: 2 and 2 by day, mean 1, no spread at all.
    same = compared(result(0.6, 2.0), result(0.6, 0.0), result(0.6, 0.0, 1), result(0.6, 2.0, 1)).signals
    alone = compared(result(0.6, 2.0), result(0.6, 0.0)).signals

    assert same.mean_r is not None
    assert (same.mean_r.value, same.mean_r.low, same.mean_r.high) == (1.0, 1.0, 1.0)
    assert alone.mean_r is not None
    assert (alone.mean_r.value, alone.mean_r.low) == (1.0, None)


def test_the_difference_per_day_counts_the_days_on_which_nothing_changed() -> None:
    told = compared(result(0.6, 3.0, 0), result(0.9, 1.0, 1), result(0.6, -1.0, 3))

    # 3, 0, 0, -1: mean 0.5, standard deviation sqrt(3).
    half = student_quantile(3) * np.std([3, 0, 0, -1], ddof=1) / 2
    assert told.days == 4
    assert told.difference_per_day is not None
    assert told.difference_per_day.value == 0.5
    assert told.difference_per_day.low == pytest.approx(0.5 - half)
    assert told.difference_per_day.high == pytest.approx(0.5 + half)


def test_the_same_thresholds_change_nothing() -> None:
    told = compared(result(0.9, 1.0), result(0.6, -1.0, 2), choice=Choice(values(), values()))

    assert [one.count for one in (told.gained, told.let_in, told.avoided, told.missed)] == [0, 0, 0, 0]
    assert told.difference_per_day is not None
    assert told.difference_per_day.value == 0.0


def test_of_nothing_nothing_is_told() -> None:
    told = compare([], {}, policy())

    assert (told.signals.count, told.signals.mean_r, told.days, told.difference_per_day) == (0, None, 0, None)


def test_what_is_too_large_for_a_number_is_not_told() -> None:
    told = compared(*(result(0.6, 1.7e308, day) for day in (0, 0, 1))).signals

    assert (told.count, told.sum_r, told.mean_r, told.pnl) == (3, None, None, None)


def test_signals_without_a_result_are_counted_by_how_they_would_flip() -> None:
    waiting = [OpenSignal("A", faced(signal(confidence=one), None) or ()) for one in (0.9, 0.6, 0.6, 0.1)]

    assert flips(waiting, {"A": LOOSER}, policy()) == Flips(2, 0)
    assert flips(waiting, {"A": Choice(LOOSER.then, LOOSER.now)}, policy()) == Flips(0, 2)
    assert flips([], {}, policy()) == Flips(0, 0)
