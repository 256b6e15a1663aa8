"""What was rejected: its value in R, with days as the pieces."""

from ml_service.domain.performance.days import by_day
from ml_service.domain.performance.rejected import RejectedValue, rejected_value
from ml_service.domain.statistics.estimate import Estimate
from tests.domain.performance.histories import trade


def test_what_would_have_lost_saved_that_much() -> None:
    made = rejected_value(by_day([trade(r=-1.0), trade(r=0.5), trade(day=1, r=-1.0), trade(day=1)]))

    assert (made.count, made.known) == (4, 3)
    assert made.mean_r is not None
    assert made.sum_r is not None
    assert (made.mean_r.value, made.sum_r.value) == (-0.5, -1.5)


def test_the_interval_of_the_sum_is_that_of_the_mean_for_all_of_them() -> None:
    made = rejected_value(by_day([trade(r=-1.0), trade(r=0.5), trade(day=1, r=-1.0)]))

    assert made.mean_r is not None
    assert made.sum_r == made.mean_r.times(3)
    assert made.sum_r.low is not None


def test_one_day_has_no_interval() -> None:
    made = rejected_value(by_day([trade(r=-1.0), trade(r=-2.0)]))

    assert (made.mean_r, made.sum_r) == (Estimate(-1.5), Estimate(-3.0))


def test_nothing_rejected_has_no_value() -> None:
    assert rejected_value(()) == RejectedValue(0, 0, None, None)
