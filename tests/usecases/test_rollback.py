"""A rollback brings back the very set that served before, once for each time it is asked."""

from pathlib import Path
from typing import cast

import pytest

from ml_service.domain.models.slots import Place
from ml_service.domain.view import Changes, View, changed
from ml_service.errors import Conflict, ModelRefused, NotFound
from ml_service.ports import Shelf
from ml_service.usecases.who_served import who_served
from tests.builders import HASH, policy
from tests.learning.members import set_graph
from tests.models import PLACE, Registry
from tests.usecases.facts import audited, published


def test_the_former_set_serves_again_byte_for_byte(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    before = registry.shelf.read(first.graph_sha256)
    registry.promote(second.set_id)

    reign, changed = registry.roll_back()

    assert changed
    assert (reign.set_id, reign.step) == (first.set_id, "rolled_back")
    assert registry.statuses(first) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}
    assert registry.statuses(second) == {"xgboost": "RETIRED", "logistic": "RETIRED"}
    with registry.store.read() as reading:
        told = reading.changes_since("", -1)
    assert told is not None
    assert told.champions == (first.opened(),)
    assert registry.shelf.read(told.champions[0].models.graph_sha256) == before == set_graph("first", 2)
    (event,) = published(registry.store, "model.rolled_back")
    assert (event["set_id"], event["former_set_id"]) == (first.set_id, second.set_id)
    assert [entry.details["former"] for entry in audited(registry.store, "model.rolled_back")] == [second.set_id]


def test_asked_twice_away_from_the_same_set_it_happens_once(registry: Registry) -> None:
    first, second, third = (registry.register(name) for name in ("first", "second", "third"))
    for record in (first, second, third):
        registry.promote(record.set_id)

    answers = [registry.roll_back(away_from=third.set_id) for _ in range(3)]

    assert [(reign.set_id, changed) for reign, changed in answers] == [
        (second.set_id, True),
        (second.set_id, False),
        (second.set_id, False),
    ]
    assert registry.roll_back()[0].set_id == first.set_id


def test_of_two_at_once_away_from_the_same_set_the_second_hears_what_the_first_did(registry: Registry) -> None:
    first, second, third = (registry.register(name) for name in ("first", "second", "third"))
    for record in (first, second, third):
        registry.promote(record.set_id)
    shelf, answers = registry.shelf, []

    class Overtaking:
        """While one looks at the former set's file, the other is done."""

        def read(self, sha256: str) -> bytes:
            registry.shelf = shelf
            answers.append(registry.roll_back(away_from=third.set_id))
            return shelf.read(sha256)

    registry.shelf = cast(Shelf, Overtaking())
    answers.append(registry.roll_back(away_from=third.set_id))

    assert [(reign.set_id, changed) for reign, changed in answers] == [(second.set_id, True), (second.set_id, False)]


def test_a_set_that_does_not_serve_is_not_rolled_back(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    registry.promote(second.set_id)

    with pytest.raises(Conflict, match=f"expected set {first.set_id} to serve, found {second.set_id}"):
        registry.roll_back(away_from=first.set_id)


def test_rolling_back_the_first_champion_leaves_the_place_to_nobody(registry: Registry) -> None:
    first = registry.register("first")
    registry.promote(first.set_id)
    with registry.store.read() as reading:
        before = reading.changes_since("", -1)
    assert before is not None

    answers = [registry.roll_back(away_from=first.set_id) for _ in range(2)]

    assert [(reign.set_id, reign.step, reign.revision, changed) for reign, changed in answers] == [
        (None, "rolled_back", 2, True),
        (None, "rolled_back", 2, False),
    ]
    assert registry.statuses(first) == {"xgboost": "SHADOW", "logistic": "SHADOW"}
    with registry.store.read() as reading:
        told = reading.changes_since(before.store_id, before.generation)
        assert reading.reigns() == []
        assert [until for _, until in reading.reigns_of_set(first.set_id)] == [answers[0][0].since_ms]
    assert told is not None
    assert (told.champions, told.vacated) == ((), (PLACE,))
    assert changed_view(before, told).champions == {}
    assert who_served(*PLACE, registry.now_ms, store=registry.store) is None
    (event,) = published(registry.store, "model.rolled_back")
    assert (event["set_id"], event["former_set_id"]) == (None, first.set_id)
    assert [entry.details["former"] for entry in audited(registry.store, "model.rolled_back")] == [first.set_id]
    for place in (PLACE, Place("ETHUSDT")):
        with pytest.raises(NotFound, match=f"no set serves {place.symbol}"):
            registry.roll_back(place=place)


def test_what_was_left_to_nobody_may_be_promoted_and_rolled_back_again(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    registry.roll_back()
    registry.promote(second.set_id)
    assert registry.promote(first.set_id)[0].revision == 4

    back = [registry.roll_back()[0].set_id for _ in range(2)]

    assert back == [second.set_id, None]
    assert registry.statuses(first) == {"xgboost": "RETIRED", "logistic": "RETIRED"}
    assert registry.statuses(second) == {"xgboost": "SHADOW", "logistic": "SHADOW"}


def test_a_first_champion_whose_files_are_damaged_can_be_taken_out(registry: Registry) -> None:
    first = registry.register("first")
    registry.promote(first.set_id)
    registry.shelf.drop(first.graph_sha256)

    assert registry.roll_back()[0].set_id is None


def test_a_damaged_former_set_leaves_the_champion_and_is_told(registry: Registry, tmp_path: Path) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    registry.promote(second.set_id)
    (tmp_path / "shelf" / first.graph_sha256[:2] / first.graph_sha256).write_bytes(b"First graph")

    with pytest.raises(ModelRefused, match="was changed"):
        registry.roll_back()

    with registry.store.read() as reading:
        head = reading.reign(PLACE)
    assert head is not None
    assert head.set_id == second.set_id
    assert registry.statuses(second) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}
    assert [one["set_id"] for one in published(registry.store, "model.refused")] == [first.set_id]


def test_a_former_set_that_is_too_old_does_not_come_back(registry: Registry) -> None:
    first = registry.register("first", expires_at_ms=registry.now_ms + 3_500)
    registry.promote(first.set_id)
    registry.promote(registry.register("second").set_id)

    with pytest.raises(Conflict, match="has expired"):
        registry.roll_back()


def test_what_was_rolled_back_may_not_come_back_by_promotion(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    registry.promote(second.set_id)
    registry.roll_back()

    with pytest.raises(Conflict, match="is RETIRED"):
        registry.promote(second.set_id)


def changed_view(*told: Changes) -> View:
    view = View(policy(), HASH)
    for changes in told:
        view = changed(view, changes)
    return view
