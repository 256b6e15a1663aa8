"""Make, replace and take back keys. The secret is shown once, when the key is made."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ml_service.domain.keys import LIVE_KEYS_PER_USER_MAX, ApiKey, KeyScope, secret_hash, token
from ml_service.errors import Conflict, InvalidInput, NotFound
from ml_service.ports import Store, Writing

HOUR_MS = 3_600_000
ID_BYTES = 6
SECRET_BYTES = 24


def create_key(
    scope: KeyScope,
    users: Sequence[str] | None,
    *,
    name: str,
    expires_at_ms: int | None,
    actor: str,
    entropy: Callable[[int], bytes],
    now_ms: int,
    store: Store,
) -> tuple[ApiKey, str]:
    """The key and its token."""
    if scope == "user" and (users is None or len(users) != 1):
        raise InvalidInput.at("users", "a key of scope user belongs to exactly one user")
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidInput.at("expires_at", "expected a time in the future")
    with store.begin() as tx:
        return write_key(
            tx, scope, tuple(users) if users is not None else None, name, expires_at_ms, actor, entropy, now_ms
        )


def rotate_key(
    key_id: str,
    *,
    grace_hours: float,
    actor: str,
    entropy: Callable[[int], bytes],
    now_ms: int,
    store: Store,
) -> tuple[ApiKey, str]:
    """A new key in place of an old one, which stays valid for the grace time."""
    with store.begin() as tx:
        old = live_key(tx, key_id, now_ms)
        ends = now_ms + int(grace_hours * HOUR_MS)
        # First the old one: where it ends at once, it makes room for the new one.
        tx.save_key(replace(old, expires_at_ms=min(ends, old.expires_at_ms or ends)))
        made = write_key(tx, old.scope, old.users, old.name, old.expires_at_ms, actor, entropy, now_ms)
        tx.append_audit(now_ms, actor, "key.rotated", key_id, {"by": made[0].id, "valid_until_ms": ends})
        return made


def revoke_key(key_id: str, *, actor: str, now_ms: int, store: Store) -> ApiKey:
    with store.begin() as tx:
        key = next((one for one in tx.keys_to_change() if one.id == key_id), None)
        if key is None:
            raise NotFound(f"no key {key_id!r}")
        if key.revoked_at_ms is not None:
            return key
        revoked = replace(key, revoked_at_ms=now_ms)
        tx.save_key(revoked)
        tx.append_audit(now_ms, actor, "key.revoked", key_id, {})
        return revoked


def write_key(
    tx: Writing,
    scope: KeyScope,
    users: tuple[str, ...] | None,
    name: str,
    expires_at_ms: int | None,
    actor: str,
    entropy: Callable[[int], bytes],
    now_ms: int,
) -> tuple[ApiKey, str]:
    if scope == "user":
        live = [key for key in tx.keys_to_change() if key.scope == scope and key.users == users and key.is_live(now_ms)]
        if len(live) >= LIVE_KEYS_PER_USER_MAX:
            raise Conflict(
                f"this user has {len(live)} live keys already ({', '.join(key.id for key in live)}); revoke one first",
                "too_many_keys",
            )
    secret = entropy(SECRET_BYTES).hex()
    key = ApiKey(
        id=entropy(ID_BYTES).hex(),
        sha256=secret_hash(secret),
        scope=scope,
        users=users,
        name=name,
        created_at_ms=now_ms,
        expires_at_ms=expires_at_ms,
    )
    tx.save_key(key)
    tx.append_audit(
        now_ms, actor, "key.created", key.id, {"scope": scope, "users": list(users) if users is not None else None}
    )
    return key, token(key.id, secret)


def live_key(tx: Writing, key_id: str, now_ms: int) -> ApiKey:
    key = next((one for one in tx.keys_to_change() if one.id == key_id), None)
    if key is None or not key.is_live(now_ms):
        raise NotFound(f"no live key {key_id!r}")
    return key
