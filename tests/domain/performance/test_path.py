"""Path: where cumulated profit went, and how far it fell."""

from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.performance.path import NO_PATH, Path, path_of
from tests.domain.performance.histories import EXACT

STEPS = st.lists(EXACT, max_size=12)


def test_it_tells_end_high_low_and_the_deepest_fall() -> None:
    assert path_of([4, -1, 3, -8, 1]) == Path(end=-1.0, high=6.0, low=-2.0, drawdown=8.0)


def test_a_fall_from_the_very_start_is_a_drawdown() -> None:
    assert path_of([-3, 1]).drawdown == 3.0


def test_a_fall_may_begin_on_one_day_and_end_on_another() -> None:
    assert path_of([5, -2]).then(path_of([1, -4])).drawdown == 5.0


@given(STEPS, STEPS)
def test_two_parts_tell_what_the_whole_tells(before: list[float], after: list[float]) -> None:
    assert path_of(before).then(path_of(after)) == path_of(before + after)


@given(STEPS)
def test_standing_still_changes_nothing(steps: list[float]) -> None:
    assert path_of(steps).then(NO_PATH) == NO_PATH.then(path_of(steps)) == path_of(steps)
