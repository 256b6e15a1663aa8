"""Amounts: gains and losses of one unit."""

from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.performance.amounts import NO_AMOUNTS, Amounts, amounts_of
from tests.domain.performance.histories import EXACT

AMOUNTS = st.lists(EXACT).map(amounts_of)


def test_gains_and_losses_are_kept_apart() -> None:
    assert amounts_of([3.0, -1.0, 0.0, 2.0]) == Amounts(
        known=4, wins=2, losses=1, gain=5.0, loss=1.0, best=3.0, worst=-1.0
    )


def test_the_total_is_what_remains() -> None:
    assert amounts_of([3.0, -1.0, 0.0, 2.0]).total == 4.0


@given(st.lists(EXACT), st.lists(EXACT))
def test_two_sums_merge_into_the_sum_of_both(one: list[float], other: list[float]) -> None:
    assert amounts_of(one).plus(amounts_of(other)) == amounts_of(one + other)


@given(AMOUNTS)
def test_nothing_added_changes_nothing(amounts: Amounts) -> None:
    assert amounts.plus(NO_AMOUNTS) == NO_AMOUNTS.plus(amounts) == amounts
