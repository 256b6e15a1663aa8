"""Seeded keys: every mistake at once, no secret ever shown."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from ml_service.adapters.keys_file import read_keys
from ml_service.domain.keys import principal_of, secret_hash
from ml_service.errors import Misconfigured


def file(folder: Path, content: Any) -> Path:
    path = folder / "keys.json"
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return path


ADA = {"id": "ada-1", "secret": "s3cret", "scope": "user", "users": ["ada"], "name": "Ada"}


def test_no_file_is_no_key() -> None:
    assert read_keys(None) == {}


@pytest.mark.parametrize("wrapped", [False, True])
def test_keys_stand_in_a_list_or_under_keys(tmp_path: Path, wrapped: bool) -> None:
    found = read_keys(file(tmp_path, {"keys": [ADA]} if wrapped else [ADA]))

    assert set(found) == {"ada-1"}
    assert (found["ada-1"].scope, found["ada-1"].users, found["ada-1"].name) == ("user", ("ada",), "Ada")


@pytest.mark.parametrize("name", ["sha256", "secret_sha256", "hash"])
def test_a_hash_stands_in_for_the_secret(tmp_path: Path, name: str) -> None:
    entry = {"id": "k", "scope": "service", name: secret_hash("s3cret").upper()}

    found = read_keys(file(tmp_path, [entry]))

    assert principal_of("mls_k_s3cret", found, 0) is not None


def test_the_whole_key_may_stand_where_its_secret_belongs(tmp_path: Path) -> None:
    found = read_keys(file(tmp_path, [{"id": "k", "scope": "admin", "secret": "mls_k_s3cret"}]))

    assert principal_of("mls_k_s3cret", found, 0) is not None


@pytest.mark.parametrize(
    "entry",
    [
        {**ADA, "users": None},
        {**ADA, "users": ["ada", "bob"]},
        {**ADA, "scope": "root"},
        {**ADA, "sha256": "a" * 64},
        {**ADA, "secret": None},
        {**ADA, "secret": ""},
        {**ADA, "id": "with blank"},
        {**ADA, "sceret": "x"},
        {"id": "k", "scope": "service", "sha256": "abc"},
        "text",
    ],
)
def test_a_key_that_makes_no_sense_is_refused(tmp_path: Path, entry: Any) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_keys(file(tmp_path, [entry]))

    assert "keys.json" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_keys(file(tmp_path, [ADA, {**ADA, "scope": "root"}, {**ADA, "id": ""}]))

    assert len(caught.value.errors) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'"text"', b'{"other": []}'])
def test_a_file_that_is_no_list_of_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Misconfigured):
        read_keys(file(tmp_path, content))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_keys(tmp_path / "nowhere.json")


def test_two_keys_of_one_id_are_refused(tmp_path: Path) -> None:
    """The second would silently take the place of the first, whose holder is then locked out."""
    with pytest.raises(Misconfigured):
        read_keys(file(tmp_path, [ADA, {**ADA, "secret": "other"}]))
