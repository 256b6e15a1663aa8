"""Standing: what chances were worth, of speakers whose worth is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ml_service.domain.models.report.standing import Standing, entropy, said_of, standing
from ml_service.domain.statistics.estimate import Estimate
from tests.domain.models.report.rows import market

COUNT = 1_200


def stood(chances: NDArray[np.float64], paid: NDArray[np.bool_], overlap: int = 1) -> Standing:
    found = standing(chances, paid, np.full(chances.size, "trending"), overlap)
    assert found is not None
    return found


def test_a_perfect_speaker_costs_nothing() -> None:
    _, paid = market(COUNT)

    found = stood(paid.astype(np.float64), paid).score

    assert found.log_loss.value == pytest.approx(0.0, abs=1e-5)
    assert found.log_loss_gain.value == pytest.approx(entropy(found.base_rate), abs=1e-5)
    assert (found.brier.value, found.hits.value) == (0.0, 1.0)
    assert found.auc == Estimate(1.0, 1.0, 1.0)


def test_who_knows_the_true_chances_has_skill_and_is_calibrated() -> None:
    found = stood(*market(COUNT))

    assert found.score.log_loss_gain.low is not None
    assert found.score.log_loss_gain.low > 0.0
    assert found.reliability.error < found.reliability.by_luck
    assert sum(one.rows for one in found.reliability.bins) == COUNT


def test_who_says_the_base_rate_every_time_has_no_skill() -> None:
    _, paid = market(COUNT)

    found = stood(np.full(COUNT, paid.mean()), paid).score

    assert found.log_loss_gain.value == pytest.approx(0.0, abs=1e-12)
    assert found.brier_gain.value == pytest.approx(0.0, abs=1e-12)
    assert found.log_loss_gain.high is not None
    assert found.log_loss_gain.high <= 1e-12


def test_shuffled_chances_cost_more_than_the_base_rate() -> None:
    chances, paid = market(COUNT)

    found = stood(np.random.default_rng(1).permutation(chances), paid).score

    assert found.log_loss_gain.high is not None
    assert found.log_loss_gain.high < 0.0
    assert found.auc is not None
    assert found.auc.low is not None
    assert found.auc.high is not None
    assert found.auc.low < 0.5 < found.auc.high


def test_exaggerated_chances_are_out_of_calibration_beyond_luck() -> None:
    chances, paid = market(COUNT)

    told = stood(np.where(chances > 0.5, 0.99, 0.01), paid).reliability

    assert told.error > 0.2
    assert told.error > told.by_luck


def test_luck_explains_more_where_rows_overlap() -> None:
    chances, paid = market(COUNT)

    assert stood(chances, paid, overlap=24).reliability.by_luck > stood(chances, paid).reliability.by_luck


def test_a_speaker_that_forgets_is_told_to_do_worse_and_one_that_learns_better() -> None:
    chances, paid = market(COUNT)
    early = np.arange(COUNT) < COUNT // 2
    shuffled = np.random.default_rng(1).permutation(chances)
    forgets, learns = np.where(early, chances, shuffled), np.where(early, shuffled, chances)

    said = [trend.said for one in (forgets, learns, chances) if (trend := stood(one, paid).trend) is not None]

    assert said == ["worse", "better", "no evidence of change"]


def test_a_market_in_which_more_pays_is_nobodys_skill() -> None:
    random = np.random.default_rng(3)
    shares = np.where(np.arange(COUNT) < COUNT // 2, 0.5, 0.9)

    found = stood(shares, random.random(COUNT) < shares).trend

    assert found is not None
    assert found.log_loss_recent < found.log_loss_earlier - 0.2
    assert found.said == "no evidence of change"


def test_too_few_rows_have_figures_and_no_intervals() -> None:
    found = stood(np.array([0.8]), np.array([True]))

    assert (found.score.rows, found.score.auc, found.trend) == (1, None, None)
    assert found.score.hits == Estimate(1.0)
    assert said_of(Estimate(-0.5)) == "no evidence of change"


def test_rows_without_a_chance_are_left_out() -> None:
    regimes = np.array(["trending", "", "volatile"])
    found = standing(np.array([0.8, 0.3, np.nan]), np.array([True, False, True]), regimes, 1)

    assert found is not None
    assert (found.score.rows, list(found.by_regime)) == (2, ["trending"])
    assert standing(np.array([np.nan]), np.array([True]), regimes[:1], 1) is None
