"""Resolved predictions: which of them are evidence of their own, and how much they overlap."""

from ml_service.domain.models.report.resolved import one_per_episode, overlap_of
from tests.builders import NOW_MS
from tests.domain.models.report.rows import HOUR_MS, resolved


def test_what_was_asked_again_while_the_result_was_open_counts_once() -> None:
    first, again, later = (resolved(NOW_MS + at) for at in (0, HOUR_MS // 2, HOUR_MS))
    sold = resolved(NOW_MS + 1, side="SELL")
    bobs = resolved(NOW_MS + 2, user_id="bob")

    assert one_per_episode([later, again, sold, first, bobs]) == [first, sold, bobs, later]


def test_what_was_traded_speaks_for_its_episode() -> None:
    imagined = resolved(taken=False)
    traded = resolved(NOW_MS + 1)

    assert one_per_episode([imagined, traded]) == [traded]
    assert one_per_episode([traded, resolved(NOW_MS + 2, taken=False)]) == [traded]


def test_predictions_overlap_as_many_as_are_made_while_one_is_open() -> None:
    apart = [resolved(NOW_MS + place * HOUR_MS) for place in range(50)]
    crowded = [resolved(NOW_MS + place * HOUR_MS // 4) for place in range(50)]

    assert [overlap_of(rows) for rows in ([], apart, crowded)] == [1, 1, 4]
