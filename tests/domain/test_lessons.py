"""What a decision hands on to learning."""

from ml_service.domain.lessons import Lesson, lesson_of
from ml_service.domain.types import Decision
from tests.builders import drawn, rejected, taken

SHARE = 0.2


def lesson(decision: Decision) -> Lesson:
    found = lesson_of(decision)
    assert found is not None
    return found


def test_what_the_gate_alone_decided_had_to_come_out_as_it_did() -> None:
    assert [lesson(one).propensity for one in (taken("d-1"), rejected("d-2"))] == [1.0, 1.0]


def test_while_exploring_a_lesson_carries_the_chance_of_what_happened() -> None:
    lessons = [lesson(drawn(SHARE, f"d-{number}")) for number in range(100)]

    assert {(one.taken, one.propensity) for one in lessons} == {(True, SHARE), (False, 1.0 - SHARE)}
