"""The commands, as their user types them: what they print, and with which status they end."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.schema import HEAD
from ml_service.adapters.store.sql import SqlStore
from ml_service.cli.main import main
from ml_service.domain.keys import principal_of
from ml_service.settings import Settings, load_settings
from tests.builders import NOW_MS, decision, rejected, taken

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


Type = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, and nothing of the test run's environment."""
    for name in list(os.environ):
        if name not in ("PATH", "HOME", "LANG", "TMPDIR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ENVIRONMENT", "testing")
    monkeypatch.setenv("ML_SERVICE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Type:
    def run(*words: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        printed = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0 if code is None else 1, printed.out, printed.err)

    return run


def store_of(settings: Settings) -> tuple[Database, SqlStore]:
    database = Database(settings.database_url)
    return database, SqlStore(database)


# check-config


def test_sound_settings_are_told_with_their_hash(typed: Type) -> None:
    ended = typed("check-config")

    assert ended.status == 0
    assert re.fullmatch(r"the settings are sound \(testing, hash [0-9a-f]{16}\)\n", ended.out)


def test_every_mistake_is_told_at_once_with_its_path(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("RSI_MIN_THRESHOLD", "high")

    ended = typed("check-config")

    assert ended.status == 2
    for path in ("server.port (PORT)", "logging.level (LOG_LEVEL)", "gate.rsi_threshold.low (RSI_MIN_THRESHOLD)"):
        assert path in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("MIN_ADAPTATION_THRESHOLD", "0.5", "adaptation.change_share_min"),
        ("ADAPTATION_MIN_TRADES", "5000", "adaptation.trades_min"),
    ],
)
def test_settings_under_which_nothing_could_ever_move_are_refused(
    typed: Type, monkeypatch: pytest.MonkeyPatch, name: str, value: str, path: str
) -> None:
    monkeypatch.setenv(name, value)

    ended = typed("check-config")

    assert ended.status == 2
    assert path in ended.err


def test_a_start_that_would_let_strangers_in_is_refused(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")

    ended = typed("check-config")

    assert ended.status == 2
    assert "ML_SERVICE_ADMIN_KEY" in ended.err


def test_a_name_that_no_longer_steers_anything_is_noted(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PORT", "9090")

    ended = typed("check-config")

    assert ended.status == 0
    assert "note: METRICS_PORT" in ended.out


def test_a_keys_file_with_a_mistake_is_refused_without_its_secret(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys.json").write_text('[{"id": "k", "secret": "s3cret", "scope": "root"}]')
    monkeypatch.setenv("ML_SERVICE_API_KEYS_FILE", str(tmp_path / "keys.json"))

    ended = typed("check-config")

    assert ended.status == 2
    assert "scope" in ended.err
    assert "s3cret" not in ended.err


# migrate


def test_migrate_brings_a_new_database_to_the_newest_version(typed: Type) -> None:
    before, up, after = typed("migrate", "status"), typed("migrate"), typed("migrate", "status")

    assert (before.status, before.out) == (3, f"the database is at base, this program expects {HEAD}\n")
    assert (up.status, up.out) == (0, f"the database is at {HEAD}\n")
    assert after.status == 0


def test_migrate_may_be_repeated(typed: Type) -> None:
    typed("migrate")

    assert typed("migrate", "up").out == f"the database is at {HEAD}\n"


def test_going_back_says_what_would_be_lost_and_asks(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("migrate")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))

    asked, status = typed("migrate", "down", "base"), typed("migrate", "status")
    forced = typed("migrate", "down", "base", "--yes")

    assert (asked.status, status.status) == (1, 0)
    assert "this would lose: all thresholds, decisions, outcomes and events" in asked.out
    assert forced.status == 0
    assert "the database is at base" in forced.out


# keys


def create(typed: Type, *words: str) -> tuple[str, str]:
    """The id of a new key, and its token."""
    ended = typed("keys", "create", *words)
    assert ended.status == 0, ended.err
    (token,) = re.findall(r"^mls_\S+$", ended.out, re.MULTILINE)
    return token.split("_")[1], token


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


# replay


def record(*decisions: object) -> None:
    settings = load_settings()
    database, store = store_of(settings)
    with store.begin() as tx:
        tx.save_settings_document(settings.hash, settings.document(), NOW_MS)
    DirectRecorder(database).record(decisions, 0)  # type: ignore[arg-type]  # decisions
    database.close()


def ours(made: object) -> object:
    from dataclasses import replace

    return replace(made, settings_hash=load_settings().hash)  # type: ignore[type-var]  # a decision


def test_replay_executes_every_decision_again(typed: Type) -> None:
    typed("migrate")
    record(*(ours(decision(f"d-{number}", at_ms=NOW_MS + number)) for number in range(7)))

    ended = typed("replay", "--since", "2026-09-01", "--until", "2026-10-01")

    assert (ended.status, ended.out) == (0, "7 decisions executed again, 0 came out differently\n")


def test_replay_names_every_one_that_differs(typed: Type) -> None:
    typed("migrate")
    record(ours(taken("good")), ours(rejected("forged")))
    database, _ = store_of(load_settings())
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE decisions SET decision = 'take' WHERE decision_id = 'forged'")
    database.close()

    ended = typed("replay", "--since", "2026-09-01", "--until", "2026-10-01")

    assert ended.status == 1
    assert "ada  forged" in ended.out
    assert "good" not in ended.out
    assert "2 decisions executed again, 1 came out differently" in ended.out


def test_replay_looks_back_as_far_as_it_is_told(typed: Type) -> None:
    typed("migrate")
    record(ours(taken("old")))

    assert typed("replay", "--since", "24h").out.startswith("0 decisions")


def test_replay_without_decisions_is_no_failure(typed: Type) -> None:
    assert typed("replay").status == 0


@pytest.mark.parametrize("since", ["soon", "24", "-5h", "24hours", ""])
def test_a_time_that_makes_no_sense_is_refused(typed: Type, since: str) -> None:
    ended = typed("replay", "--since", since)

    assert ended.status == 2
    assert "Traceback" not in ended.err


# verify-audit


def test_an_untouched_chain_is_sound(typed: Type) -> None:
    for _ in range(3):
        create(typed, "--scope", "service")

    ended = typed("verify-audit")

    assert (ended.status, ended.out) == (0, "3 entries checked (up to the remembered head 3), 0 flaws\n")


def tamper(statement: str) -> None:
    database, _ = store_of(load_settings())
    with database.write() as connection:
        connection.exec_driver_sql(statement)
    database.close()


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE sequence = 2", "entry 2: was changed after it was written"),
        ("DELETE FROM audit WHERE sequence = 2", "entry 3: expected entry 2, found 3"),
        ("DELETE FROM audit WHERE sequence = 3", "entry 3: the chain ends at 2, before the remembered head 3"),
    ],
)
def test_tampering_is_told_and_ends_with_a_failure(typed: Type, statement: str, flaw: str) -> None:
    for _ in range(3):
        create(typed, "--scope", "service")
    tamper(statement)

    ended = typed("verify-audit")

    assert ended.status == 1
    assert flaw in ended.out


def test_a_head_remembered_elsewhere_can_be_brought(typed: Type, folder: Path) -> None:
    create(typed, "--scope", "service")
    sequence, digest = (folder / "audit.head").read_text().split()

    good = typed("verify-audit", "--head", f"{sequence}:{digest}")
    foreign = typed("verify-audit", "--head", f"{sequence}:{'0' * 64}")
    beyond = typed("verify-audit", "--head", f"9:{digest}")

    assert [one.status for one in (good, foreign, beyond)] == [0, 1, 1]


@pytest.mark.parametrize("head", ["", "1", "x:y", "1:abc", f"-1:{'0' * 64}"])
def test_a_head_that_makes_no_sense_is_refused(typed: Type, head: str) -> None:
    assert typed("verify-audit", "--head", head).status == 2


def test_a_damaged_file_of_the_head_does_not_stop_the_check(typed: Type, folder: Path) -> None:
    create(typed, "--scope", "service")
    (folder / "audit.head").write_text("one two\n")

    ended = typed("verify-audit")

    assert (ended.status, ended.out) == (0, "1 entries checked (no head is remembered here), 0 flaws\n")


# As a process


def test_without_a_word_it_says_what_it_can_do(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ml_service"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60
    )

    for command in ("run", "web", "worker", "check-config", "migrate", "keys", "replay", "verify-audit"):
        assert command in ended.stdout + ended.stderr


def test_a_database_that_is_away_is_said_in_one_line(folder: Path) -> None:
    environ = {**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}

    ended = subprocess.run(
        [sys.executable, "-m", "ml_service", "keys", "list"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("store_unavailable: the database is not answering")
    assert "Traceback" not in ended.stderr
