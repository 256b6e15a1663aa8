"""Keys: made, replaced and taken back; the secret shown once."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.keys import ApiKey, KeyScope, principal_of
from ml_service.errors import Conflict, InvalidInput, NotFound
from ml_service.usecases.manage_keys import HOUR_MS, create_key, revoke_key, rotate_key
from tests.builders import NOW_MS


def make(
    store: SqlStore,
    scope: KeyScope = "user",
    users: tuple[str, ...] | None = ("ada",),
    expires_at_ms: int | None = None,
    at_ms: int = NOW_MS,
) -> tuple[ApiKey, str]:
    return create_key(
        scope,
        users,
        name="a key",
        expires_at_ms=expires_at_ms,
        actor="tester",
        entropy=os.urandom,
        now_ms=at_ms,
        store=store,
    )


def rotate(store: SqlStore, key_id: str, grace_hours: float = 24.0, at_ms: int = NOW_MS) -> tuple[ApiKey, str]:
    return rotate_key(key_id, grace_hours=grace_hours, actor="tester", entropy=os.urandom, now_ms=at_ms, store=store)


def opens(store: SqlStore, token: str, at_ms: int = NOW_MS) -> bool:
    with store.read() as reading:
        return principal_of(token, {key.id: key for key in reading.all_keys()}, at_ms) is not None


def test_a_new_key_opens_at_once(store: SqlStore) -> None:
    key, token = make(store)

    assert opens(store, token)
    assert (key.scope, key.users, key.name) == ("user", ("ada",), "a key")


def test_the_secret_is_nowhere_in_the_store(store: SqlStore) -> None:
    _, token = make(store)
    secret = token.rsplit("_", 1)[1]

    with store.read() as reading:
        assert secret not in repr(reading.all_keys())
        assert secret not in repr(list(reading.audit_entries(0, None)))


@pytest.mark.parametrize("users", [None, (), ("ada", "bob")])
def test_a_key_of_scope_user_belongs_to_exactly_one_user(store: SqlStore, users: tuple[str, ...] | None) -> None:
    with pytest.raises(InvalidInput):
        make(store, "user", users)


@pytest.mark.parametrize(("scope", "users"), [("service", None), ("service", ("ada", "bob")), ("cron", None)])
def test_other_scopes_may_name_users_or_leave_them_out(
    store: SqlStore, scope: KeyScope, users: tuple[str, ...] | None
) -> None:
    assert make(store, scope, users)[0].users == users


def test_a_key_that_has_ended_already_is_refused(store: SqlStore) -> None:
    with pytest.raises(InvalidInput):
        make(store, expires_at_ms=NOW_MS)


def test_a_user_has_two_live_keys_at_most(store: SqlStore) -> None:
    make(store)
    make(store)

    with pytest.raises(Conflict) as caught:
        make(store)

    assert caught.value.code == "too_many_keys"
    make(store, users=("bob",))


def test_a_key_that_has_ended_makes_room(store: SqlStore) -> None:
    make(store, expires_at_ms=NOW_MS + 10)
    revoked, _ = make(store)
    revoke_key(revoked.id, actor="tester", now_ms=NOW_MS, store=store)

    assert make(store, at_ms=NOW_MS + 10)
    assert make(store, at_ms=NOW_MS + 10)


def test_a_service_may_have_as_many_keys_as_it_likes(store: SqlStore) -> None:
    for _ in range(4):
        make(store, "service", None)


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(store: SqlStore) -> None:
    key, token = make(store)

    revoked = revoke_key(key.id, actor="tester", now_ms=NOW_MS, store=store)

    assert revoked.revoked_at_ms == NOW_MS
    assert not opens(store, token)
    with store.read() as reading:
        assert reading.all_keys() == (revoked,)


def test_revoking_twice_does_no_harm(store: SqlStore) -> None:
    key, _ = make(store)
    revoke_key(key.id, actor="tester", now_ms=NOW_MS, store=store)

    again = revoke_key(key.id, actor="tester", now_ms=NOW_MS + 5, store=store)

    assert again.revoked_at_ms == NOW_MS


def test_a_rotated_key_stays_valid_for_the_grace_time(store: SqlStore) -> None:
    old, old_token = make(store)

    new, new_token = rotate(store, old.id, grace_hours=1.0)

    assert new.id != old.id
    assert (new.scope, new.users, new.name) == (old.scope, old.users, old.name)
    assert opens(store, old_token, NOW_MS + HOUR_MS - 1)
    assert not opens(store, old_token, NOW_MS + HOUR_MS)
    assert opens(store, new_token, NOW_MS + HOUR_MS)


def test_without_grace_the_old_key_ends_at_once(store: SqlStore) -> None:
    old, old_token = make(store)

    rotate(store, old.id, grace_hours=0.0)

    assert not opens(store, old_token)


def test_the_grace_time_does_not_prolong_a_key(store: SqlStore) -> None:
    old, old_token = make(store, expires_at_ms=NOW_MS + 1000)

    rotate(store, old.id, grace_hours=24.0)

    assert not opens(store, old_token, NOW_MS + 1000)


def test_a_user_with_one_key_can_rotate_it_again_and_again(store: SqlStore) -> None:
    key, token = make(store)

    for day in range(1, 4):
        at_ms = NOW_MS + day * 48 * HOUR_MS
        key, token = rotate(store, key.id, at_ms=at_ms)
        assert opens(store, token, at_ms)


def test_a_user_with_two_live_keys_can_rotate_one_of_them_at_once(store: SqlStore) -> None:
    """Somebody whose key leaked must not first have to cut off the other one."""
    make(store)
    leaked, leaked_token = make(store)

    _, token = rotate(store, leaked.id, grace_hours=0.0)

    assert opens(store, token)
    assert not opens(store, leaked_token)


def test_a_key_that_is_not_there_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        rotate(store, "nobody")
    with pytest.raises(NotFound):
        revoke_key("nobody", actor="tester", now_ms=NOW_MS, store=store)


def test_an_ended_key_cannot_be_rotated(store: SqlStore) -> None:
    key, _ = make(store)
    revoke_key(key.id, actor="tester", now_ms=NOW_MS, store=store)

    with pytest.raises(NotFound):
        rotate(store, key.id)


def test_every_step_is_in_the_audit_trail(store: SqlStore) -> None:
    key, _ = make(store)
    new, _ = rotate(store, key.id)
    revoke_key(new.id, actor="tester", now_ms=NOW_MS, store=store)

    with store.read() as reading:
        told = [(entry.action, entry.subject) for entry in reading.audit_entries(0, None)]
    assert told == [
        ("key.created", key.id),
        ("key.created", new.id),
        ("key.rotated", key.id),
        ("key.revoked", new.id),
    ]


# Two at the same moment, on both databases

CALLERS = 4
ROUNDS = 5


def at_once(calls: list[Callable[[], object]]) -> list[Exception]:
    """What went wrong with the calls that were refused."""
    ready = Barrier(len(calls))

    def call(one: Callable[[], object]) -> Exception | None:
        ready.wait(10)
        try:
            one()
        except (Conflict, NotFound) as error:
            return error
        return None

    with ThreadPoolExecutor(len(calls)) as threads:
        return [error for error in threads.map(call, calls) if error is not None]


def live_keys(store: SqlStore, user: str) -> list[str]:
    with store.read() as reading:
        return [key.id for key in reading.all_keys() if key.users == (user,) and key.is_live(NOW_MS)]


def test_many_who_make_a_key_at_once_make_two(database: Database) -> None:
    store = SqlStore(database)

    for number in range(ROUNDS):
        user = f"user-{number}"
        make(store, users=(user,))
        refused = at_once([partial(make, store, users=(user,))] * CALLERS)

        assert len(live_keys(store, user)) == 2
        assert [error.code for error in refused if isinstance(error, Conflict)] == ["too_many_keys"] * (CALLERS - 1)


@pytest.mark.parametrize("grace_hours", [0.0, 24.0])
def test_many_who_rotate_a_key_at_once_leave_one_new_key(database: Database, grace_hours: float) -> None:
    store = SqlStore(database)

    for number in range(ROUNDS):
        user = f"user-{number}"
        old, _ = make(store, users=(user,))
        refused = at_once([partial(rotate, store, old.id, grace_hours)] * CALLERS)

        assert len(refused) == CALLERS - 1
        assert len([key_id for key_id in live_keys(store, user) if key_id != old.id]) == 1
        assert len(live_keys(store, user)) <= 2


def test_a_key_that_is_revoked_while_it_is_rotated_stays_revoked(database: Database) -> None:
    store = SqlStore(database)

    for number in range(ROUNDS):
        old, token = make(store, users=(f"user-{number}",))
        revoke = partial(revoke_key, old.id, actor="tester", now_ms=NOW_MS, store=store)
        at_once([partial(rotate, store, old.id), revoke])

        assert not opens(store, token)
