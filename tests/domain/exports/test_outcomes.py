"""An outcome as a row: what it is worth, and how learning from it stands."""

import pytest

from ml_service.domain.exports.outcomes import TABLE, learning
from ml_service.domain.lessons import Lesson
from ml_service.domain.outcomes import OutcomeWithMarks, StoredOutcome
from tests.builders import NOW_MS, outcome

LESSON = Lesson(values=(0.9,), thresholds_symbol="*", thresholds_revision=2, taken=True)


def marked(
    learned_at_ms: int | None = None,
    lesson: Lesson | None = LESSON,
    quarantined: str | None = None,
    percent_per_r: float | None = None,
) -> OutcomeWithMarks:
    stored = StoredOutcome(outcome(), NOW_MS, "nearest" if lesson is not None else "none", None, quarantined, lesson)
    return OutcomeWithMarks(stored, learned_at_ms, None, percent_per_r)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (marked(NOW_MS), "learned"),
        (marked(0), "nothing_to_learn"),
        (marked(), "waiting"),
        (marked(quarantined="too_old"), "quarantined"),
        (marked(lesson=None), "unmatched"),
    ],
)
def test_it_says_how_learning_stands(given: OutcomeWithMarks, said: str) -> None:
    assert learning(given) == said


def test_r_is_by_the_percent_that_it_was_learned_with() -> None:
    (row,) = TABLE.rows(marked(NOW_MS, percent_per_r=0.5))
    told = {column.name: value for column, value in zip(TABLE.columns, row, strict=True)}

    assert (told["r"], told["learned_at"], told["thresholds_revision"]) == (2.5, NOW_MS, 2)
    assert marked().r is None
