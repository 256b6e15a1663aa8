"""The snapshot on this host's disk: whole, never older than it was, and replaced when it has missed something."""

from dataclasses import replace
from pathlib import Path

import pytest

from ml_service.adapters.local_copy import LocalCopy
from ml_service.domain.keys import ApiKey
from ml_service.domain.view import Changes, View, changed
from tests.builders import HASH, kill, policy, thresholds
from tests.models import KEY, PLACE, model_set, set_record

KEYS = (
    ApiKey("k1", "a" * 64, "user", ("ada",), "name", 1, 2, 3),
    ApiKey("k2", "b" * 64, "service", None),
)

URL = "postgresql://ml:one@db.example:5432/ml"


def saved(copy: LocalCopy, changes: Changes, since: int, view: View | None = None) -> View:
    after = changed(view if view is not None else View(policy(), HASH), changes)
    copy.save(changes, since, after)
    return after


def test_nothing_kept_is_nothing_to_load(tmp_path: Path) -> None:
    assert LocalCopy(tmp_path, URL).load() is None


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    told = Changes("store", 7, (thresholds(), thresholds("bob", "BTCUSDT")), KEYS, (kill(),), full=True)

    saved(LocalCopy(tmp_path, URL), told, -1)

    found = LocalCopy(tmp_path, URL).load()
    assert found is not None
    assert (found.store_id, found.generation, found.full) == ("store", 7, True)
    assert sorted(found.thresholds, key=str) == sorted(told.thresholds, key=str)
    assert sorted(found.keys, key=str) == sorted(KEYS, key=str)
    assert found.kills == (kill(),)


def test_champions_come_back_with_their_signatures(tmp_path: Path) -> None:
    first, second = set_record(model_set("s-1")).opened(), set_record(model_set("s-2")).opened()
    copy = LocalCopy(tmp_path, URL)

    view = saved(copy, Changes("store", 1, champions=(first,), full=True), -1)
    found = copy.load()
    after = saved(copy, Changes("store", 2, champions=(second,)), 1, view)
    later = copy.load()

    assert found is not None
    assert found.champions == (first,)
    assert later is not None
    assert later.champions == (second,)
    assert after.champions == {PLACE: second.models}
    assert after.signatures == {PLACE: second.signed}


def test_a_delta_replaces_its_rows_and_leaves_the_others(tmp_path: Path) -> None:
    copy = LocalCopy(tmp_path, URL)
    view = saved(copy, Changes("store", 1, (thresholds(), thresholds("bob")), full=True), -1)

    saved(copy, Changes("store", 2, (thresholds(revision=2),)), 1, view)

    found = copy.load()
    assert found is not None
    assert found.generation == 2
    assert {(row.user_id, row.revision) for row in found.thresholds} == {("ada", 2), ("bob", 1)}


def test_nobody_tidies_up_the_log_until_the_end(tmp_path: Path) -> None:
    """It is synced then; decisions that want the next change would wait for the disk each time."""
    log = tmp_path / "snapshot.db-wal"
    copy = LocalCopy(tmp_path, URL)
    view = saved(copy, Changes("store", 1, (thresholds(),), full=True), -1)

    saved(copy, Changes("store", 2, (thresholds("bob"),)), 1, view)
    copy.load()

    assert log.stat().st_size > 0
    copy.close()
    assert not log.exists()


def test_an_older_state_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    """Two processes of one host save in whatever order."""
    copy = LocalCopy(tmp_path, URL)
    saved(copy, Changes("store", 5, (thresholds(revision=5),), full=True), -1)

    saved(copy, Changes("store", 4, (thresholds(revision=4),), full=True), -1)

    found = copy.load()
    assert found is not None
    assert (found.generation, found.thresholds[0].revision) == (5, 5)


def test_a_place_that_is_left_to_nobody_has_no_champion_after_a_restart(tmp_path: Path) -> None:
    copy = LocalCopy(tmp_path, URL)
    champion = set_record(model_set("s-1")).opened()
    view = saved(copy, Changes("store", 5, champions=(champion,), full=True), -1)

    saved(copy, Changes("store", 6, vacated=(PLACE,)), 5, view)

    found = copy.load()
    assert found is not None
    assert (found.generation, found.champions) == (6, ())


def test_the_whole_of_a_store_replaces_what_another_version_left_at_the_same_generation(tmp_path: Path) -> None:
    """After a downgrade and an upgrade of the tables, nobody serves; the copy must not know better."""
    copy = LocalCopy(tmp_path, URL)
    saved(copy, Changes("store", 5, champions=(set_record(model_set("s-1")).opened(),), full=True), -1)

    saved(copy, Changes("store", 5, (thresholds(),), full=True), -1)

    found = copy.load()
    assert found is not None
    assert found.champions == ()
    assert [row.user_id for row in found.thresholds] == ["ada"]


def test_a_champion_that_this_version_cannot_read_takes_nothing_else_along(tmp_path: Path) -> None:
    copy = LocalCopy(tmp_path, URL)
    champion = set_record(model_set("s-1")).opened()
    later = champion.signed.text.replace('"horizon_minutes"', '"horizon"')
    unreadable = replace(champion, signed=KEY.sign(later))

    saved(copy, Changes("store", 5, (thresholds(),), KEYS, (kill(),), champions=(unreadable,), full=True), -1)

    found = copy.load()
    assert found is not None
    assert found.champions == ()
    assert (found.kills, len(found.keys), len(found.thresholds)) == ((kill(),), 2, 1)


def test_a_copy_that_has_missed_something_is_written_whole(tmp_path: Path) -> None:
    copy = LocalCopy(tmp_path, URL)
    view = saved(copy, Changes("store", 1, (thresholds(),), full=True), -1)
    unsaved = changed(view, Changes("store", 2, (thresholds("bob"),)))

    saved(copy, Changes("store", 3, (thresholds("eve"),)), 2, unsaved)

    found = copy.load()
    assert found is not None
    assert {row.user_id for row in found.thresholds} == {"ada", "bob", "eve"}


def test_another_store_replaces_everything_even_with_a_lower_generation(tmp_path: Path) -> None:
    copy = LocalCopy(tmp_path, URL)
    saved(copy, Changes("store", 50, (thresholds(),), full=True), -1)

    saved(copy, Changes("another", 1, (thresholds("bob"),), full=True), -1)

    found = copy.load()
    assert found is not None
    assert (found.store_id, found.generation) == ("another", 1)
    assert {row.user_id for row in found.thresholds} == {"bob"}


@pytest.mark.parametrize(
    "other",
    [
        "postgresql://ml:one@db.example:5432/staging",
        "postgresql://ml:one@other.example:5432/ml",
        "sqlite:////var/ml_service.db",
    ],
)
def test_what_was_seen_in_another_database_is_nothing_to_decide_from(tmp_path: Path, other: str) -> None:
    saved(LocalCopy(tmp_path, URL), Changes("store", 5, (thresholds(),), full=True), -1)

    assert LocalCopy(tmp_path, other).load() is None


def test_a_new_password_leaves_the_database_the_same(tmp_path: Path) -> None:
    saved(LocalCopy(tmp_path, URL), Changes("store", 5, (thresholds(),), full=True), -1)

    assert LocalCopy(tmp_path, URL.replace(":one@", ":two@")).load() is not None


def test_the_file_does_not_hold_the_password(tmp_path: Path) -> None:
    saved(LocalCopy(tmp_path, URL.replace(":one@", ":very-secret@")), Changes("store", 5, full=True), -1)

    assert all(b"very-secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_another_name_of_the_same_store_takes_the_copy_over(tmp_path: Path) -> None:
    """As after its server has moved: nothing in it has changed, and yet the copy is written again."""
    view = saved(LocalCopy(tmp_path, URL), Changes("store", 5, (thresholds(),), full=True), -1)
    moved = LocalCopy(tmp_path, "postgresql://ml:one@other.example:5432/ml")

    moved.save(Changes("store", 5, (thresholds(),), full=True), -1, view)

    assert moved.load() is not None
    assert LocalCopy(tmp_path, URL).load() is None


def test_a_damaged_file_is_no_copy_rather_than_an_error(tmp_path: Path) -> None:
    (tmp_path / "snapshot.db").write_bytes(b"no database at all " * 300)

    assert LocalCopy(tmp_path, URL).load() is None
