"""As-of: the thresholds that served at a moment of the past."""

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.types import ANY_SYMBOL, Thresholds
from ml_service.settings import load_settings
from ml_service.usecases.as_of import as_of
from tests.builders import HASH, NOW_MS, SETTINGS, decision, policy, thresholds


def row(revision: int, at_ms: int, symbol: str = ANY_SYMBOL, user_id: str = "ada", rsi: float = 70.0) -> Thresholds:
    made = thresholds(user_id, symbol, revision, rsi_threshold=rsi)
    return Thresholds(**{name: getattr(made, name) for name in made.__slots__} | {"changed_at_ms": at_ms})


def then(store: SqlStore, at_ms: int, symbol: str = "BTCUSDT", user_id: str = "ada") -> Thresholds:
    return as_of(user_id, symbol, at_ms, policy=policy(), settings_hash=HASH, store=store)


def save(store: SqlStore, *rows: Thresholds) -> None:
    with store.begin() as tx:
        for one in rows:
            assert tx.save_thresholds(one)


def test_before_the_first_revision_the_defaults_served(store: SqlStore) -> None:
    save(store, row(1, NOW_MS))

    assert then(store, NOW_MS - 1).revision == 0
    assert then(store, NOW_MS).revision == 1


def test_each_revision_served_until_the_next_one(store: SqlStore) -> None:
    save(store, row(1, NOW_MS), row(2, NOW_MS + 100), row(3, NOW_MS + 200))

    assert [then(store, NOW_MS + at).revision for at in (0, 99, 100, 199, 200, 9999)] == [1, 1, 2, 2, 3, 3]


def test_of_two_revisions_of_one_moment_the_later_one_served(store: SqlStore) -> None:
    save(store, row(1, NOW_MS), row(2, NOW_MS))

    assert then(store, NOW_MS).revision == 2


def test_a_symbol_followed_its_parent_until_it_had_a_row_of_its_own(store: SqlStore) -> None:
    save(store, row(1, NOW_MS, rsi=80.0), row(1, NOW_MS + 100, "BTCUSDT", rsi=60.0))

    assert then(store, NOW_MS + 99).values["rsi_threshold"] == 80.0
    assert then(store, NOW_MS + 100).values["rsi_threshold"] == 60.0
    assert then(store, NOW_MS + 100, "ETHUSDT").values["rsi_threshold"] == 80.0


def test_users_do_not_see_each_other(store: SqlStore) -> None:
    save(store, row(1, NOW_MS, user_id="bob"))

    assert then(store, NOW_MS).revision == 0


def test_the_bounds_are_those_of_that_time(embedded: Database, store: SqlStore) -> None:
    narrow = load_settings({"ENVIRONMENT": "testing", "RSI_MAX_THRESHOLD": "75"})
    save(store, row(1, NOW_MS, rsi=85.0))
    with store.begin() as tx:
        tx.save_settings_document(HASH, SETTINGS.document(), NOW_MS)
        tx.save_settings_document(narrow.hash, narrow.document(), NOW_MS + 100)
    DirectRecorder(embedded).record(
        [
            decision("wide", at_ms=NOW_MS + 10),
            decision("narrow", at_ms=NOW_MS + 110, settings_hash=narrow.hash),
            decision("wide-again", at_ms=NOW_MS + 210),
        ],
        0,
    )

    served = [then(store, NOW_MS + at).values["rsi_threshold"] for at in (50, 150, 250)]

    assert served == [85.0, 75.0, 85.0]


def test_the_defaults_are_those_of_that_time(store: SqlStore) -> None:
    earlier = load_settings({"ENVIRONMENT": "testing", "DEFAULT_RSI_THRESHOLD": "60"})
    with store.begin() as tx:
        tx.save_settings_document(earlier.hash, earlier.document(), NOW_MS)

    served = then(store, NOW_MS)

    assert (served.values["rsi_threshold"], served.settings_hash) == (60.0, earlier.hash)
