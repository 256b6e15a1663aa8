"""Ids under way: whoever names one meanwhile hears what becomes of it."""

import threading

import pytest

from ml_service.adapters.store.under_way import UnderWay
from ml_service.domain.types import RecordedDecision
from tests.builders import taken

OWN, OTHER = ("ada", "own"), ("ada", "other")
KEPT = RecordedDecision("journal", taken("own"))


def test_an_id_belongs_to_the_first_who_names_it_until_it_has_landed() -> None:
    under_way = UnderWay()

    with under_way.claimed({OWN}) as (first, _), under_way.claimed({OWN, OTHER}) as (second, others):
        assert (set(first.keys), set(second.keys)) == ({OWN}, {OTHER})
        assert others == {OWN: first}
    with under_way.claimed({OWN}) as (third, others):
        assert (set(third.keys), others) == ({OWN}, {})


def test_who_comes_second_hears_what_stands_once_the_first_has_landed() -> None:
    under_way = UnderWay()
    heard: list[RecordedDecision | None] = []

    with under_way.claimed({OWN}) as (first, _):
        with under_way.claimed({OWN}) as (_, others):
            early = others[OWN].standing(OWN, 0.0)
        waiting = threading.Thread(target=lambda: heard.append(first.standing(OWN, 10.0)))
        waiting.start()
        first.told = {OWN: KEPT}
    waiting.join()

    assert (early, heard) == (None, [KEPT])


def test_trouble_of_the_first_keeps_nobody_waiting() -> None:
    under_way = UnderWay()

    with pytest.raises(RuntimeError), under_way.claimed({OWN}) as (first, _):
        raise RuntimeError

    assert first.standing(OWN, 10.0) is None
    with under_way.claimed({OWN}) as (again, _):
        assert set(again.keys) == {OWN}
