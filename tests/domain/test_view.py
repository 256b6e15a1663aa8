"""The view: which thresholds are in force, and whether new risk is allowed."""

import pytest

from ml_service.domain.types import ANY_SYMBOL, Kill, Thresholds
from ml_service.domain.view import Changes, LocalKill, View, changed, default_thresholds
from tests.builders import HASH, NOW_MS, kill, policy, thresholds


def view(*rows: Thresholds, kills: tuple[Kill, ...] = (), local: tuple[LocalKill, ...] = ()) -> View:
    empty = View(policy(), HASH, local_kills={one.kill.user_id: one for one in local})
    return changed(empty, Changes("store", 1, thresholds=rows, kills=kills, full=True))


# Thresholds


def test_a_user_without_rows_has_the_defaults_of_the_settings() -> None:
    found = view().thresholds_for("ada", "BTCUSDT")

    assert found == default_thresholds("ada", policy(), HASH)
    assert (found.revision, found.symbol) == (0, ANY_SYMBOL)


def test_a_symbol_follows_the_row_for_all_symbols() -> None:
    parent = thresholds(rsi_threshold=80.0)

    assert view(parent).thresholds_for("ada", "BTCUSDT") == parent


def test_a_symbol_that_has_moved_by_itself_stops_following() -> None:
    own = thresholds(symbol="BTCUSDT", rsi_threshold=60.0)
    seen = view(thresholds(rsi_threshold=80.0), own)

    assert seen.thresholds_for("ada", "BTCUSDT") == own
    assert seen.thresholds_for("ada", "ETHUSDT").values["rsi_threshold"] == 80.0


def test_no_user_inherits_from_another() -> None:
    seen = view(thresholds("bob", rsi_threshold=80.0), thresholds("bob", "BTCUSDT", rsi_threshold=81.0))

    assert seen.thresholds_for("ada", "BTCUSDT").revision == 0


def test_rows_outside_the_bounds_of_today_are_brought_inside() -> None:
    seen = view(thresholds(rsi_threshold=99.0))

    assert seen.thresholds_for("ada", "BTCUSDT").values["rsi_threshold"] == 90.0


# Changes


def test_a_delta_replaces_its_rows_and_leaves_the_others() -> None:
    before = view(thresholds(), thresholds("bob"))

    after = changed(before, Changes("store", 2, thresholds=(thresholds(revision=2, rsi_threshold=60.0),)))

    assert after.generation == 2
    assert after.thresholds["ada", ANY_SYMBOL].revision == 2
    assert after.thresholds["bob", ANY_SYMBOL] == before.thresholds["bob", ANY_SYMBOL]
    assert before.thresholds["ada", ANY_SYMBOL].revision == 1


def test_a_full_change_forgets_what_it_does_not_bring() -> None:
    before = view(thresholds(), kills=(kill(),))

    after = changed(before, Changes("another", 1, thresholds=(thresholds("bob"),), full=True))

    assert set(after.thresholds) == {("bob", ANY_SYMBOL)}
    assert not after.kills
    assert after.store_id == "another"


# The kill switch


def test_nobody_is_stopped_by_default() -> None:
    assert not view().killed("ada")


def test_the_switch_for_everybody_stops_each_user() -> None:
    assert view(kills=(kill(),)).killed("ada")


def test_the_switch_of_one_user_stops_no_other() -> None:
    seen = view(kills=(kill(user_id="ada"),))

    assert seen.killed("ada")
    assert not seen.killed("bob")


def test_switching_one_user_off_does_not_lift_the_switch_for_everybody() -> None:
    assert view(kills=(kill(), kill(on=False, user_id="ada"))).killed("ada")


def test_an_unreadable_file_stops_everybody() -> None:
    assert View(policy(), HASH, kill_file_unreadable=True).killed("ada")


@pytest.mark.parametrize(
    ("database", "file", "heard", "killed"),
    [
        (None, kill(True), False, True),
        (None, kill(False), False, False),
        (kill(True), None, False, True),
        # Not heard yet: the file of this host decides, whatever the database says.
        (kill(True), kill(False, at_ms=NOW_MS + 1), False, False),
        (kill(False), kill(True, at_ms=NOW_MS + 1), False, True),
        (kill(False, at_ms=NOW_MS + 2), kill(True, at_ms=NOW_MS + 1), False, True),
        # Heard: the newer turn decides; on a tie, the database.
        (kill(False, at_ms=NOW_MS + 2), kill(True, at_ms=NOW_MS + 1), True, False),
        (kill(True, at_ms=NOW_MS + 2), kill(False, at_ms=NOW_MS + 1), True, True),
        (kill(False, at_ms=NOW_MS), kill(True, at_ms=NOW_MS), True, False),
        (kill(False, at_ms=NOW_MS), kill(True, at_ms=NOW_MS + 1), True, True),
        # Heard, but the database does not know it (another store): the file decides.
        (None, kill(True), True, True),
    ],
)
def test_file_and_database_agree_on_one_state(
    database: Kill | None, file: Kill | None, heard: bool, killed: bool
) -> None:
    seen = view(
        kills=(database,) if database is not None else (),
        local=(LocalKill(file, heard),) if file is not None else (),
    )

    assert seen.killed("ada") is killed
