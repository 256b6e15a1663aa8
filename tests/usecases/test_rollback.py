"""A rollback brings back the very set that served before, once for each time it is asked."""

from pathlib import Path
from typing import cast

import pytest

from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import Place
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.view import Changes, View, changed
from ml_service.errors import Conflict, ModelRefused, NotFound
from ml_service.ports import Shelf
from ml_service.usecases.tidy_models import tidy_models
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


def three(registry: Registry) -> list[SetRecord]:
    """Three that served one after the other."""
    records = [registry.register(name) for name in ("first", "second", "third")]
    for record in records:
        registry.promote(record.set_id)
    return records


def test_a_damaged_former_set_is_passed_over_and_told(registry: Registry, tmp_path: Path) -> None:
    first, second, third = three(registry)
    spoil(tmp_path, second)

    back = registry.rolled_back()

    assert (back.reign.set_id, back.changed) == (first.set_id, True)
    assert [(one.set_id, "was changed" in one.why) for one in back.passed_over] == [(second.set_id, True)]
    assert registry.statuses(first) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}
    assert registry.statuses(third) == {"xgboost": "RETIRED", "logistic": "RETIRED"}
    assert [one["set_id"] for one in published(registry.store, "model.refused")] == [second.set_id]
    (entry,) = audited(registry.store, "model.rolled_back")
    assert "was changed" in entry.details["passed_over"][second.set_id]


def test_one_that_is_too_old_gone_or_does_not_run_is_passed_over_too(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    old = registry.register("old", expires_at_ms=registry.now_ms + 10_000)
    gone, third = registry.register("gone"), registry.register("third")
    for record in (first, second, old, gone, third):
        registry.promote(record.set_id)
    registry.shelf.drop(gone.graph_sha256)
    registry.now_ms += 10_000

    def try_out(models: ModelSet) -> None:
        if models.set_id == second.set_id:
            raise ModelRefused("it does not run")

    back = registry.rolled_back(try_out=try_out)

    assert back.reign.set_id == first.set_id
    assert [(one.set_id, one.is_damaged) for one in back.passed_over] == [
        (gone.set_id, True),
        (old.set_id, False),
        (second.set_id, True),
    ]
    # What is merely old is no reason to wake anybody.
    assert {one["set_id"] for one in published(registry.store, "model.refused")} == {gone.set_id, second.set_id}


def test_one_that_was_put_away_is_passed_over_also_where_its_files_came_back(
    registry: Registry, tmp_path: Path
) -> None:
    first, second, _ = three(registry)
    registry.now_ms += 181 * DAY_MS
    tidy_models(180 * DAY_MS, now_ms=registry.now_ms, store=registry.store, shelf=registry.shelf)
    registry.register("first")
    spoil(tmp_path, second)

    with pytest.raises(Conflict, match=f"set {first.set_id}: the files of set {first.set_id} are no longer kept"):
        registry.roll_back()

    # It was put away on purpose, so nobody is woken for it.
    assert {one["set_id"] for one in published(registry.store, "model.refused")} == {second.set_id}


def test_what_was_passed_over_is_not_returned_to_later(registry: Registry, tmp_path: Path) -> None:
    first, second, third = three(registry)
    whole = spoil(tmp_path, second)
    registry.roll_back()
    path_of(tmp_path, second).write_bytes(whole)

    assert registry.roll_back(away_from=third.set_id)[0].set_id == first.set_id
    assert registry.roll_back()[0].set_id is None


def test_where_none_can_serve_the_champion_stays_and_the_way_out_is_named(registry: Registry, tmp_path: Path) -> None:
    *earlier, last = three(registry)
    for record in earlier:
        spoil(tmp_path, record)

    with pytest.raises(Conflict, match=f"set {last.set_id} goes on. To nobody") as refused:
        registry.roll_back()
    assert refused.value.code == "no_former"
    assert all(record.set_id in str(refused.value) for record in earlier)
    assert registry.statuses(last) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}
    assert len(published(registry.store, "model.refused")) == 2

    answers = [registry.rolled_back(to_nobody=True, away_from=last.set_id) for _ in range(2)]

    assert [(one.reign.set_id, one.changed) for one in answers] == [(None, True), (None, False)]
    assert registry.statuses(last) == {"xgboost": "SHADOW", "logistic": "SHADOW"}


def test_a_champion_that_damaged_ones_and_nobody_came_before_is_not_left_to_nobody_unasked(
    registry: Registry, tmp_path: Path
) -> None:
    registry.promote(registry.register("first").set_id)
    registry.roll_back()
    second, third = registry.register("second"), registry.register("third")
    registry.promote(second.set_id)
    registry.promote(third.set_id)
    spoil(tmp_path, second)

    with pytest.raises(Conflict, match=f"set {second.set_id}: .* set {third.set_id} goes on"):
        registry.roll_back()


def test_many_that_cannot_serve_are_counted_and_the_first_are_named(registry: Registry, tmp_path: Path) -> None:
    records = [registry.register(f"number {number}") for number in range(6)]
    for record in records:
        registry.promote(record.set_id)
        spoil(tmp_path, record)

    with pytest.raises(Conflict, match="and 2 more"):
        registry.roll_back()


def path_of(tmp_path: Path, record: SetRecord) -> Path:
    return tmp_path / "shelf" / record.graph_sha256[:2] / record.graph_sha256


def spoil(tmp_path: Path, record: SetRecord) -> bytes:
    """What was there before."""
    whole = path_of(tmp_path, record).read_bytes()
    path_of(tmp_path, record).write_bytes(b"something else")
    return whole


def test_what_was_rolled_back_may_not_come_back_by_promotion(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    registry.promote(second.set_id)
    registry.roll_back()

    with pytest.raises(Conflict, match=r"is RETIRED .*all else by the same training once more"):
        registry.promote(second.set_id)


def test_the_same_training_once_more_makes_anew_what_was_rolled_back(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    registry.promote(second.set_id)
    registry.roll_back()

    again = registry.register("second")

    assert again.set_id != second.set_id
    assert registry.promote(again.set_id)[1]


def changed_view(*told: Changes) -> View:
    view = View(policy(), HASH)
    for changes in told:
        view = changed(view, changes)
    return view
