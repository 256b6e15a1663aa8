"""Streaks: runs of wins and losses, also across the seam of two days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.performance.streaks import NO_STREAKS, Streaks, streaks_of

SIGNS = st.lists(st.sampled_from([1.0, -1.0, 0.0]), max_size=12)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([], NO_STREAKS),
        ([0.5, 2, -1, 3], Streaks(known=4, first=2, current=1, wins_max=2, losses_max=1)),
        ([-1, -1, -1], Streaks(known=3, first=-3, current=-3, wins_max=0, losses_max=3)),
        ([1, 0, 1], Streaks(known=3, first=1, current=1, wins_max=1, losses_max=0)),
        ([0, 0], Streaks(known=2)),
    ],
)
def test_runs_are_counted(results: list[float], expected: Streaks) -> None:
    assert streaks_of(results) == expected


def test_a_run_goes_on_over_whole_days() -> None:
    days = [streaks_of(day) for day in ([-1, 1], [1, 1], [1], [1, -1])]
    whole = days[0].then(days[1]).then(days[2]).then(days[3])

    assert whole.wins_max == 5


@given(SIGNS, SIGNS)
def test_two_parts_tell_what_the_whole_tells(before: list[float], after: list[float]) -> None:
    assert streaks_of(before).then(streaks_of(after)) == streaks_of(before + after)


@given(SIGNS, SIGNS, SIGNS)
def test_it_does_not_matter_which_parts_are_joined_first(a: list[float], b: list[float], c: list[float]) -> None:
    one, two, three = streaks_of(a), streaks_of(b), streaks_of(c)

    assert one.then(two).then(three) == one.then(two.then(three))
