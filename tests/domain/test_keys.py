"""Keys: who is behind a token, and for whom they may act."""

import pytest

from ml_service.domain.keys import ApiKey, KeyScope, Principal, principal_of, secret_hash, token
from tests.builders import NOW_MS


def key(key_id: str = "k1", secret: str = "s3cret", scope: KeyScope = "service", **fields: object) -> ApiKey:
    given: dict[str, object] = {"users": None, **fields}
    return ApiKey(id=key_id, sha256=secret_hash(secret), scope=scope, **given)  # type: ignore[arg-type]  # a builder


def asked(presented: str, *keys: ApiKey, at_ms: int = NOW_MS) -> Principal | None:
    return principal_of(presented, {one.id: one for one in keys}, at_ms)


def test_a_live_key_opens_what_its_scope_says() -> None:
    found = asked(token("k1", "s3cret"), key(scope="user", users=("ada",)))

    assert found == Principal("key:k1", "user", ("ada",))


@pytest.mark.parametrize(
    "presented",
    ["", "mls_", "mls_k1", "mls_k1_", "mls_k1_wrong", "mls_k2_s3cret", "k1_s3cret", "MLS_k1_s3cret", "mls_k1_s3cret "],
)
def test_anything_but_the_whole_token_opens_nothing(presented: str) -> None:
    assert asked(presented, key()) is None


def test_a_revoked_key_opens_nothing() -> None:
    assert asked(token("k1", "s3cret"), key(revoked_at_ms=NOW_MS - 1)) is None


def test_a_key_opens_until_the_moment_it_expires() -> None:
    one = key(expires_at_ms=NOW_MS)

    assert asked(token("k1", "s3cret"), one, at_ms=NOW_MS - 1) is not None
    assert asked(token("k1", "s3cret"), one, at_ms=NOW_MS) is None


def test_underscores_in_the_id_and_in_the_secret_are_no_trouble() -> None:
    found = asked("mls_my_key_a_b_c", key("my_key", "a_b_c"), key("my", "other"))

    assert found is not None
    assert found.name == "key:my_key"


def test_the_secret_itself_is_not_kept() -> None:
    assert "s3cret" not in repr(key())


@pytest.mark.parametrize(
    ("scope", "users", "may"),
    [
        ("admin", None, True),
        ("service", None, True),
        ("service", ("ada", "bob"), True),
        ("service", ("bob",), False),
        ("user", ("ada",), True),
        ("user", ("bob",), False),
        ("cron", None, False),
        ("cron", ("ada",), False),
    ],
)
def test_a_principal_acts_only_for_those_its_key_names(
    scope: KeyScope, users: tuple[str, ...] | None, may: bool
) -> None:
    assert Principal("p", scope, users).may_act_for("ada") is may
