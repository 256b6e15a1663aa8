"""The snapshot hears everything once, and afterwards only what moved."""

from typing import Any

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.keys import ApiKey
from ml_service.domain.models.champions import Reign, after_rollback
from tests.adapters.store.rows import report, write
from tests.builders import NOW_MS, decision, kill, outcome, thresholds
from tests.models import PLACE, model_set, reign, set_record


def key(key_id: str = "k1", **fields: Any) -> ApiKey:
    return ApiKey(id=key_id, sha256="a" * 64, scope="user", users=("ada",), created_at_ms=NOW_MS, **fields)


def test_a_newcomer_gets_everything_and_hears_nothing_twice(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
        tx.save_key(key())
        tx.save_kill(kill())

    with store.read() as reading:
        first = reading.changes_since("", -1)
        assert first is not None
        again = reading.changes_since(first.store_id, first.generation)

    assert first.full
    assert (first.thresholds, first.keys, first.kills) == ((thresholds(),), (key(),), (kill(),))
    assert again is None


def test_afterwards_only_what_moved_is_told(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
        tx.save_thresholds(thresholds("bob"))
        tx.save_key(key())
    with store.read() as reading:
        before = reading.changes_since("", -1)
    assert before is not None

    with store.begin() as tx:
        tx.save_thresholds(thresholds(revision=2))
        tx.save_key(key(revoked_at_ms=NOW_MS))

    with store.read() as reading:
        delta = reading.changes_since(before.store_id, before.generation)
    assert delta is not None
    assert not delta.full
    assert delta.generation == before.generation + 1
    assert [(row.user_id, row.revision) for row in delta.thresholds] == [("ada", 2)]
    assert delta.keys == (key(revoked_at_ms=NOW_MS),)
    assert delta.kills == ()


@pytest.mark.parametrize(("store_id", "ahead"), [("another", 0), (None, 5)])
def test_another_store_or_an_older_one_answers_with_everything(
    store: SqlStore, store_id: str | None, ahead: int
) -> None:
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
    with store.read() as reading:
        known = reading.changes_since("", -1)
        assert known is not None
        found = reading.changes_since(store_id or known.store_id, known.generation + ahead)

    assert found is not None
    assert found.full
    assert found.thresholds == (thresholds(),)


def test_decisions_and_outcomes_do_not_move_the_generation(database: Database, store: SqlStore) -> None:
    with store.read() as reading:
        before = reading.changes_since("", -1)
    assert before is not None

    write(database, decision())
    report(database, outcome())

    with store.read() as reading:
        assert reading.changes_since(before.store_id, before.generation) is None


def test_a_champion_is_told_when_it_takes_its_place_and_not_again(store: SqlStore) -> None:
    first, second = set_record(model_set("s-1")), set_record(model_set("s-2", 2))
    with store.begin() as tx:
        tx.save_set(first)
        tx.save_set(second)
        tx.save_reign(reign(None, "s-1"))
    with store.read() as reading:
        before = reading.changes_since("", -1)
    assert before is not None

    with store.begin() as tx:
        tx.save_reign(reign(tx.reign(first.place), "s-2"))
    with store.read() as reading:
        after = reading.changes_since(before.store_id, before.generation)
    with store.begin() as tx:
        tx.save_kill(kill())
    with store.read() as reading:
        later = reading.changes_since(before.store_id, before.generation + 1)

    assert before.champions == (first.opened(),)
    assert after is not None
    assert after.champions == (second.opened(),)
    assert later is not None
    assert later.champions == ()


def test_a_place_that_is_left_to_nobody_is_told_once(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_set(set_record(model_set("s-1")))
        tx.save_reign(reign(None, "s-1"))
    with store.read() as reading:
        before = reading.changes_since("", -1)
    assert before is not None

    with store.begin() as tx:
        head = tx.reign(PLACE)
        assert head is not None
        assert tx.save_reign(after_rollback(head, None, NOW_MS, "tester", ""))
    with store.read() as reading:
        after = reading.changes_since(before.store_id, before.generation)
        anew = reading.changes_since("", -1)

    assert after is not None
    assert anew is not None
    assert [(told.champions, told.vacated) for told in (after, anew)] == [((), (PLACE,))] * 2
    assert reading_of_heads(store) == []


def reading_of_heads(store: SqlStore) -> list[Reign]:
    with store.read() as reading:
        return reading.reigns()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("UPDATE model_sets SET document = '{not json'", "expected JSON"),
        (
            "UPDATE model_sets SET document = (SELECT document FROM model_sets WHERE set_id = 's-2')",
            "expected the document of set s-1, found that of s-2",
        ),
        ("DELETE FROM model_sets WHERE set_id = 's-1'", "expected set s-1 in the registry, found none"),
        ("UPDATE champions SET symbol = 'ETHUSDT'", "expected a set of ETHUSDT/*, found one of BTCUSDT/*"),
    ],
)
def test_a_champion_that_nobody_can_read_is_named_with_the_reason(
    database: Database, store: SqlStore, harm: str, why: str
) -> None:
    with store.begin() as tx:
        tx.save_set(set_record(model_set("s-1")))
        tx.save_set(set_record(model_set("s-2", 2)))
        tx.save_reign(reign(None, "s-1"))
    with database.write() as connection:
        connection.exec_driver_sql(harm)

    with store.read() as reading:
        told = reading.changes_since("", -1)

    assert told is not None
    assert told.champions == ()
    (one,) = told.unreadable
    assert (one.set_id, why in one.why) == ("s-1", True)
    assert one.place.symbol == ("ETHUSDT" if "ETHUSDT" in harm else "BTCUSDT")
