"""One signing key for every process of a host, which nobody else can read."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from ml_service.adapters.signing_key import load_signing_key
from ml_service.errors import Misconfigured
from tests.service import ROOT


def test_a_key_is_made_once_and_its_owner_alone_can_read_it(tmp_path: Path) -> None:
    first = load_signing_key(tmp_path / "new", None)
    second = load_signing_key(tmp_path / "new", None)

    assert first == second
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["signing.key"]
    assert stat.S_IMODE((tmp_path / "new/signing.key").stat().st_mode) == 0o600
    assert load_signing_key(tmp_path / "other", None) != first


def test_a_new_key_is_on_the_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, list[str]]] = []

    def fsync(handle: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), [path.name for path in tmp_path.glob("signing.key")]))

    monkeypatch.setattr("os.fsync", fsync)

    load_signing_key(tmp_path, None)

    assert synced == [(False, []), (True, ["signing.key"])]


def test_a_given_key_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    key = load_signing_key(tmp_path, SecretStr("sixteen letters!"))

    assert key.secret == b"sixteen letters!"
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ml_service.adapters.signing_key import load_signing_key;"
        " print(load_signing_key(Path(sys.argv[1]), None).name)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    names = {process.communicate(timeout=30)[0].strip() for process in started}

    assert names == {load_signing_key(tmp_path, None).name}


@pytest.mark.parametrize(
    ("mode", "content", "complaint"),
    [
        (0o644, b"k" * 32, "readable by its owner alone, found mode 0644"),
        (0o640, b"k" * 32, "found mode 0640"),
        (0o600, b"short", "expected at least 16 characters"),
    ],
)
def test_a_key_that_is_no_secret_is_refused(tmp_path: Path, mode: int, content: bytes, complaint: str) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(content)
    path.chmod(mode)

    with pytest.raises(Misconfigured, match=complaint):
        load_signing_key(tmp_path, None)


def test_a_short_key_in_the_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="expected at least 16 characters in the setting, found 5"):
        load_signing_key(tmp_path, SecretStr("short"))
