"""The ensemble: what several models say becomes one probability for the signal's side, or a reason for none."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.models.calibration import Calibration, log_odds, squashed
from ml_service.domain.models.ensemble import forecast
from ml_service.domain.types import Forecast, Trade
from tests.models import model_set

PLAIN = Calibration()
TWO = model_set(
    member_ids=("a", "b"),
    weights={"*": (0.25, 0.75), "volatile": (1.0, 0.0)},
    rises=PLAIN,
    falls=PLAIN,
    distance_max=5.0,
)


def told(
    rises: tuple[float, float], trade: Trade = "BUY", regime: str | None = None, distance: float = 1.0
) -> Forecast:
    made = forecast(TWO, rises, distance, trade, regime)
    assert isinstance(made, Forecast)
    return made


def test_log_odds_are_averaged_by_weight() -> None:
    made = told((0.6, 0.9))

    assert made.probability == pytest.approx(squashed(0.25 * log_odds(0.6) + 0.75 * log_odds(0.9)))
    assert [(one.probability, one.weight) for one in made.members] == [(0.6, 0.25), (0.9, 0.75)]


def test_weights_are_those_of_the_regime_where_it_is_named() -> None:
    assert told((0.6, 0.9), regime="volatile").probability == pytest.approx(0.6)
    assert told((0.6, 0.9), regime="trending").probability == told((0.6, 0.9)).probability


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_sale_is_the_mirror_of_a_purchase_before_calibration(rises: tuple[float, float]) -> None:
    assert told(rises, "SELL").probability == pytest.approx(1.0 - told(rises).probability, abs=1e-9)


def test_each_side_is_calibrated_by_its_own_line() -> None:
    models = model_set(rises=Calibration(0.5, 2.0), falls=Calibration(-0.5, 0.5))

    bought, sold = (forecast(models, [0.7], 0.0, side, None) for side in ("BUY", "SELL"))

    assert isinstance(bought, Forecast)
    assert isinstance(sold, Forecast)
    assert bought.probability == pytest.approx(squashed(0.5 + 2.0 * log_odds(0.7)))
    assert sold.probability == pytest.approx(squashed(-0.5 + 0.5 * log_odds(0.3)))


@pytest.mark.parametrize("silent", [nan, inf, -inf])
def test_a_member_without_a_figure_is_left_out_and_named(silent: float) -> None:
    made = told((silent, 0.9))

    assert made.probability == pytest.approx(0.9)
    assert made.disagreement == 0.0
    assert [(one.probability, one.weight) for one in made.members] == [(None, 0.0), (0.9, 1.0)]


def test_where_nobody_with_a_say_has_a_figure_there_is_no_forecast() -> None:
    assert forecast(TWO, (nan, nan), 1.0, "BUY", None) == "no_figures"
    assert forecast(TWO, (nan, 0.9), 1.0, "BUY", "volatile") == "no_figures"


@pytest.mark.parametrize("distance", [5.1, inf, nan])
def test_a_row_beyond_the_limit_is_none_of_its_business(distance: float) -> None:
    assert forecast(TWO, (0.6, 0.9), distance, "BUY", None) == "out_of_domain"


def test_members_that_agree_do_not_disagree() -> None:
    assert told((0.7, 0.7)).disagreement == 0.0
    assert told((0.2, 0.6)).disagreement == pytest.approx(0.4 * (0.25 * 0.75) ** 0.5, abs=1e-6)


def test_figures_that_differ_in_the_last_bits_decide_alike() -> None:
    assert told((0.6, 0.9)) == told((0.6000000238418579, 0.8999999761581421), distance=1.0000000001)


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)), st.sampled_from(["BUY", "SELL"]))
def test_a_probability_is_one(rises: tuple[float, float], trade: Trade) -> None:
    assert 0.0 < told(rises, trade).probability < 1.0
