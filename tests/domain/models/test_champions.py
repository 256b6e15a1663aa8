"""Who serves a place, and whom a rollback brings back."""

from ml_service.domain.models.champions import Reign, after_promotion, after_rollback
from tests.builders import NOW_MS
from tests.models import PLACE


def promoted(head: Reign | None, set_id: str, at_ms: int = NOW_MS) -> Reign:
    return after_promotion(head, PLACE, set_id, at_ms, "tester", "")


def test_a_second_rollback_goes_one_step_further_back() -> None:
    first = promoted(None, "a")
    second = promoted(first, "b")
    third = promoted(second, "c")

    back = after_rollback(third, second, NOW_MS, "tester", "")
    further = after_rollback(back, first, NOW_MS, "tester", "")

    assert [(one.revision, one.set_id, one.former) for one in (first, second, third, back, further)] == [
        (1, "a", None),
        (2, "b", 1),
        (3, "c", 2),
        (4, "b", 1),
        (5, "a", None),
    ]


def test_a_promotion_after_a_rollback_falls_back_on_what_served_then() -> None:
    first = promoted(None, "a")
    second = promoted(first, "b")
    back = after_rollback(second, first, NOW_MS, "tester", "")

    assert promoted(back, "c").former == back.revision


def test_a_clock_that_was_set_back_leaves_the_order_of_history() -> None:
    first = promoted(None, "a", NOW_MS)

    assert promoted(first, "b", NOW_MS - 5_000).since_ms == NOW_MS
