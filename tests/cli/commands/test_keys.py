"""keys: made, shown once, replaced, revoked and listed."""

import re

import pytest

from ml_service.domain.keys import principal_of
from ml_service.settings import load_settings
from tests.builders import NOW_MS
from tests.cli.desk import Type, create, store_of


def test_a_new_key_is_shown_once_and_opens(typed: Type) -> None:
    key_id, token = create(typed, "--scope", "user", "--user", "ada", "--name", "my key")

    listed = typed("keys", "list").out

    database, store = store_of(load_settings())
    with store.read() as reading:
        found = principal_of(token, {key.id: key for key in reading.all_keys()}, NOW_MS)
    database.close()
    assert found is not None
    assert found.users == ("ada",)
    assert re.search(rf"^{key_id}\s+user\s+live\s+ada\s+my key$", listed, re.MULTILINE)
    assert token.rsplit("_", 1)[1] not in listed


def test_without_keys_the_list_says_so(typed: Type) -> None:
    assert typed("keys", "list").out == "no keys in the database\n"


def test_a_rotated_key_has_a_successor(typed: Type) -> None:
    key_id, _ = create(typed, "--scope", "service")

    ended = typed("keys", "rotate", key_id)

    assert ended.status == 0
    assert re.search(r"^mls_\S+$", ended.out, re.MULTILINE)
    assert typed("keys", "list").out.count("live") == 2


def test_a_revoked_key_has_ended(typed: Type) -> None:
    key_id, _ = create(typed, "--scope", "service")

    ended = typed("keys", "revoke", key_id)

    assert (ended.status, ended.out) == (0, f"key {key_id} is revoked\n")
    assert "ended" in typed("keys", "list").out


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("create", "--scope", "root"), 2),
        (("create",), 2),
        (("create", "--scope", "user"), 1),
        (("rotate", "nobody"), 1),
        (("revoke", "nobody"), 1),
    ],
)
def test_a_wrong_word_about_keys_is_refused_without_a_trace(typed: Type, words: tuple[str, ...], status: int) -> None:
    ended = typed("keys", *words)

    assert ended.status == status
    assert ended.err
    assert "Traceback" not in ended.err
