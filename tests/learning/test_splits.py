"""Splits: no label that is learned from reaches into what is tested, whatever the labels are like."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml_service.learning.splits import parted, walk_forward


@st.composite
def timelines(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Places with holes between them, labels that are known after different times."""
    count = draw(st.integers(20, 200))
    random = np.random.default_rng(draw(st.integers(0, 1_000)))
    places = np.cumsum(random.integers(1, 4, count))
    return places, places + random.integers(1, draw(st.integers(2, 30)), count)


@given(timelines(), st.integers(1, 6), st.integers(0, 10))
def test_no_label_that_is_learned_from_reaches_into_the_tested_stretch(
    timeline: tuple[np.ndarray, np.ndarray], folds: int, embargo: int
) -> None:
    places, known_from = timeline
    for fold in walk_forward(places, known_from, folds, embargo):
        if fold.before.size and fold.test.size:
            assert known_from[fold.before].max() + embargo <= places[fold.test].min()
            assert places[fold.before].max() < places[fold.test].min()


@given(timelines(), st.integers(1, 6), st.integers(0, 10))
def test_each_row_after_the_first_part_is_tested_once(
    timeline: tuple[np.ndarray, np.ndarray], folds: int, embargo: int
) -> None:
    places, known_from = timeline
    tested = np.concatenate([fold.test for fold in walk_forward(places, known_from, folds, embargo)])

    assert tested.tolist() == list(range(round(0.4 * places.size), places.size))


@given(timelines(), st.integers(0, 10))
def test_parts_are_later_each_and_purged_against_each_other(
    timeline: tuple[np.ndarray, np.ndarray], embargo: int
) -> None:
    places, known_from = timeline
    parts = parted(places, known_from, np.arange(places.size), embargo)

    for earlier, later in ((parts.fit, parts.stop), (parts.stop, parts.later), (parts.fit, parts.later)):
        if earlier.size and later.size:
            assert known_from[earlier].max() + embargo <= places[later].min()


def test_only_what_overlaps_is_purged() -> None:
    places = np.arange(100)
    fold = walk_forward(places, places + 10, folds=1, embargo=5)[0]

    assert (fold.before.max(), fold.test.min()) == (25, 40)
