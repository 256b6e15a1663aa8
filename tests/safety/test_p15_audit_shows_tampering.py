"""P15: the audit log shows tampering."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from sqlalchemy import Connection, delete, insert, select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.audit_head import AuditHead
from ml_service.adapters.store.codec import canonical
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.cli.main import cli
from ml_service.domain.audit import entry_hash
from tests.service import ROOT, SIGNAL, Service

Row = dict[str, Any]
ENTRIES = 40


@dataclass(frozen=True, slots=True)
class Chain:
    """An audit chain in a database, its head outside."""

    database: Database
    folder: Path
    rows: tuple[Row, ...]

    def environment(self) -> dict[str, str]:
        return {
            "ENVIRONMENT": "testing",
            "PATH": os.environ["PATH"],
            "ML_SERVICE_DATA_DIR": str(self.folder),
            "DATABASE_URL": self.database.url,
        }

    def write(self, rows: list[Row]) -> None:
        """These rows and no others."""
        with self.database.write() as connection:
            connection.execute(delete(t.audit))
            if rows:
                connection.execute(insert(t.audit), rows)

    def verify(self) -> tuple[int, str]:
        """`verify-audit` as the command line runs it, in this process."""
        from typer.testing import CliRunner

        done = CliRunner().invoke(cli, ["verify-audit"], env=self.environment())
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output


@pytest.fixture
def chain(database: Database, tmp_path: Path) -> Chain:
    folder = tmp_path / "data"
    folder.mkdir()
    head = AuditHead(folder)

    def committed(what: Any) -> None:
        head.remember(*what.audit_head)

    store = SqlStore(database, committed)
    chance = random.Random(7)
    for number in range(ENTRIES):
        with store.begin() as tx:
            details = {"revision": number, "moved": {"rsi_threshold": [70.0, chance.uniform(50, 90)]}, "reason": "é ☃"}
            action = chance.choice(("thresholds.set", "key.created", "kill_switch.on", "settings.reloaded"))
            tx.append_audit(1_700_000_000_000 + number, "admin-key", action, f"user-{number % 5}", details)
    with database.read() as connection:
        rows = tuple(dict(row) for row in connection.execute(select(t.audit).order_by(t.audit.c.sequence)).mappings())
    return Chain(database, folder, rows)


# ---- the chain


def test_an_untouched_chain_passes(chain: Chain) -> None:
    status, told = chain.verify()

    assert status == 0
    assert f"{ENTRIES} entries checked (up to the remembered head {ENTRIES}), 0 flaws" in told


def flip(rows: list[Row], chance: random.Random) -> list[Row]:
    """One bit of one text, or one digit of one number."""
    row = chance.choice(rows)
    name = chance.choice(list(row))
    value = row[name]
    if isinstance(value, int):
        row[name] = value + chance.choice((-1, 1, 2**20, 10_000))
        return rows
    at = chance.randrange(len(value))
    flipped = chr(ord(value[at]) ^ 1 << chance.randrange(6))
    row[name] = value[:at] + (flipped if flipped != "\x00" else "?") + value[at + 1 :]
    return rows


def drop(rows: list[Row], chance: random.Random) -> list[Row]:
    del rows[chance.randrange(len(rows))]
    return rows


def swap(rows: list[Row], chance: random.Random) -> list[Row]:
    """Two entries change places, with their sequence numbers put right again."""
    one, other = chance.sample(range(len(rows)), 2)
    rows[one], rows[other] = rows[other], rows[one]
    rows[one]["sequence"], rows[other]["sequence"] = rows[other]["sequence"], rows[one]["sequence"]
    return rows


def truncate(rows: list[Row], chance: random.Random) -> list[Row]:
    return rows[: chance.randrange(len(rows))]


def behead(rows: list[Row], chance: random.Random) -> list[Row]:
    """The oldest entries go, and the rest is numbered and chained anew."""
    return chained(rows[chance.randrange(1, len(rows)) :])


def insert_one(rows: list[Row], chance: random.Random) -> list[Row]:
    """A well-made entry in between; those behind it only move up."""
    at = chance.randrange(len(rows))
    forged = sealed({**rows[at], "action": "key.created", "subject": "mallory"})
    return [*rows[:at], forged, *({**row, "sequence": row["sequence"] + 1} for row in rows[at:])]


def rewrite(rows: list[Row], chance: random.Random) -> list[Row]:
    """One entry is changed and every hash from there on computed again: only the head outside tells."""
    chance.choice(rows)["subject"] = "mallory"
    return chained(rows)


def seal_again(rows: list[Row], chance: random.Random) -> list[Row]:
    """One entry is changed together with its own hash."""
    at = chance.randrange(len(rows))
    rows[at] = sealed({**rows[at], "actor": "nobody"})
    return rows


def respace(rows: list[Row], chance: random.Random) -> list[Row]:
    """The details say the same in other characters."""
    row = chance.choice(rows)
    row["details"] = json.dumps(orjson.loads(row["details"]), indent=1)
    return rows


def break_details(rows: list[Row], chance: random.Random) -> list[Row]:
    row = chance.choice(rows)
    row["details"] = row["details"][: chance.randrange(len(row["details"]))]
    return rows


def sealed(row: Row) -> Row:
    content = (row["sequence"], row["at_ms"], row["actor"], row["action"], row["subject"])
    return {**row, "hash": entry_hash(*content, orjson.loads(row["details"]), row["previous_hash"])}


def chained(rows: list[Row]) -> list[Row]:
    made: list[Row] = []
    for number, row in enumerate(rows, start=1):
        previous = made[-1]["hash"] if made else "0" * 64
        made.append(sealed({**row, "sequence": number, "previous_hash": previous}))
    return made


TAMPERINGS: tuple[Callable[[list[Row], random.Random], list[Row]], ...] = (
    flip,
    drop,
    swap,
    truncate,
    behead,
    insert_one,
    rewrite,
    seal_again,
    respace,
    break_details,
)


def undetected(chain: Chain, rounds: int) -> list[str]:
    missed = []
    for number in range(rounds):
        for tampering in TAMPERINGS:
            rows = tampering([dict(row) for row in chain.rows], random.Random(number))
            if tuple(rows) == chain.rows:
                continue
            try:
                chain.write(rows)
            except Exception:
                # The table itself would not have it: two rows of one number, for instance.
                continue
            status, told = chain.verify()
            if status != 1 or " 0 flaws" in told:
                missed.append(f"{tampering.__name__} {number}: {status} {told}")
    return missed


@pytest.mark.timeout(600)
def test_every_tampering_is_reported(chain: Chain) -> None:
    assert undetected(chain, 12) == []

    chain.write([dict(row) for row in chain.rows])
    assert chain.verify()[0] == 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_of_a_thousand_random_tamperings_is_reported(chain: Chain) -> None:
    assert undetected(chain, 100) == []


def test_verify_audit_fails_on_the_command_line_and_names_the_entry(chain: Chain) -> None:
    rows = [dict(row) for row in chain.rows]
    rows[16]["actor"] = "somebody-else"
    chain.write(rows)

    done = command("verify-audit", chain.environment())

    assert done.returncode == 1
    assert "entry 17: was changed after it was written" in done.stdout
    assert done.stderr == ""


def test_a_head_that_somebody_remembers_finds_a_chain_that_was_cut_and_forged_with_its_file(chain: Chain) -> None:
    last = chain.rows[-1]
    chain.write([dict(row) for row in chain.rows[:-3]])
    (chain.folder / "audit.head").unlink()

    without = command("verify-audit", chain.environment())
    remembered = command("verify-audit", chain.environment(), "--head", f"{last['sequence']}:{last['hash']}")

    assert without.returncode == 0
    assert "no head is remembered here" in without.stdout
    assert remembered.returncode == 1


def command(name: str, environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ml_service", name, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


# ---- what the service writes, and its decisions


@pytest.fixture(params=["sqlite", "postgres"])
def busy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """The real service after some hundred decisions of every kind."""
    environment: dict[str, Any] = {
        "ML_SERVICE_ADMIN_KEY": "boss",
        "ML_SERVICE_TRUSTED_NETWORK": "127.0.0.0/8",
        "ML_SERVICE_CONFIG_FILE": str(tmp_path / "settings.yaml"),
    }
    if request.param == "postgres":
        environment["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    configure(tmp_path, "ignore", 70)
    with Service(tmp_path, **environment) as service:
        trade(service)
        yield service


def configure(folder: Path, on_missing: str, rsi: float) -> None:
    gate = {"rsi_threshold": {"default": rsi, "on_missing": on_missing}}
    (folder / "settings.yaml").write_text(yaml.safe_dump({"gate": gate}))


def trade(service: Service) -> None:
    admin = {"X-Admin-Key": "boss"}

    def signals(count: int) -> None:
        chance = random.Random(count)
        given = []
        for number in range(count):
            signal = {
                **SIGNAL,
                "action": chance.choice(("BUY", "SELL", "HOLD", "buy", None)),
                "confidence": chance.random(),
                "rsi": chance.uniform(0, 100),
                "macd": chance.uniform(-0.2, 0.2),
                "horizon_minutes": 30,
                "unknown": {"number": number, "text": "é"},
                "reduce_only": chance.random() < 0.2,
            }
            for name in ("rsi", "confidence", "change_percent", "volume", "symbol"):
                if chance.random() < 0.3:
                    del signal[name]
            given.append(signal)
        answer = service.client.post("/api/v1/evaluate/ada/batch", json={"signals": given})
        assert all(result["success"] for result in answer.json()["data"]["results"]), answer.text
        for number in range(5):
            service.evaluate("bob", None, decision_id=f"bob-{count}-{number}", rsi=20 * number)

    def must(path: str, body: dict[str, Any], method: str = "POST") -> None:
        service.client.request(method, path, json=body, headers=admin).raise_for_status()

    signals(61)
    must("/api/v1/thresholds/ada", {"thresholds": {"rsi_threshold": 55.5, "macd_threshold": -0.05}}, "PUT")
    signals(62)
    must("/api/v1/thresholds/ada", {"thresholds": {"rsi_threshold": 88}, "symbol": "BTCUSDT"}, "PUT")
    must("/api/v1/kill-switch", {"on": True, "reason": "drill"})
    signals(63)
    must("/api/v1/kill-switch", {"on": False})
    configure(service.folder, "reject", 60)
    must("/api/v1/admin/reload", {})
    signals(64)
    must("/api/v1/thresholds/ada/reset", {})
    must("/api/v1/admin/keys", {"scope": "service"})
    signals(65)


def settings_of(service: Service) -> dict[str, str]:
    return {**service._variables(), "PATH": os.environ["PATH"]}


def test_the_chain_and_the_decisions_of_a_busy_service_pass_until_a_row_is_changed(busy: Service) -> None:
    environment = settings_of(busy)

    chain = command("verify-audit", environment)
    replay = command("replay", environment, "--since", "24h")

    assert chain.returncode == 0, chain.stdout + chain.stderr
    assert "7 entries checked (up to the remembered head 7), 0 flaws" in chain.stdout
    assert replay.returncode == 0, replay.stdout + replay.stderr
    assert "340 decisions executed again, 0 came out differently" in replay.stdout

    database = Database(busy.store_url)
    try:
        codes, documents = seen(database)
        named = {name: tamper(database, number, name) for number, name in enumerate(CHANGES)}
    finally:
        database.close()
    again = command("replay", environment, "--since", "24h")

    assert {"kill_switch", "hold", "limit_missed", "all_passed", "parameter_missing"} <= codes, codes
    assert documents == 2
    assert again.returncode == 1, again.stderr
    assert again.stderr == ""
    assert f"340 decisions executed again, {len(CHANGES)} came out differently" in again.stdout
    assert {name for name, decision_id in named.items() if decision_id not in again.stdout} == set()


def seen(database: Database) -> tuple[set[str], int]:
    with database.read() as connection:
        codes = set(connection.execute(select(t.decisions.c.code).distinct()).scalars())
        hashes = set(connection.execute(select(t.decisions.c.settings_hash).distinct()).scalars())
    return codes, len(hashes)


CHANGES: dict[str, Callable[[Row], Row]] = {
    "the decision": lambda row: {"decision": "take" if row["decision"] != "take" else "reject"},
    "the code": lambda row: {"code": "passed_by_hand"},
    "the input": lambda row: {"input": canonical({**orjson.loads(row["input"]), "values": {"confidence": 0.99}})},
    "the thresholds": lambda row: {"result": canonical({**orjson.loads(row["result"]), "thresholds": [1.0] * 6})},
    "what was judged": lambda row: {"result": canonical({**orjson.loads(row["result"]), "judged": "pppppf"})},
    "the revision": lambda row: {"thresholds_revision": row["thresholds_revision"] + 1},
    "the settings": lambda row: {"settings_hash": "0" * 16},
    "the time taken": lambda row: {"processing_us": row["processing_us"] + 1},
    "the signal's id": lambda row: {"signal_id": "another"},
    "the hash": lambda row: {"row_hash": bytes(32)},
    "an input that is no JSON": lambda row: {"input": row["input"][:-1]},
    "a result that is no JSON": lambda row: {"result": "gone"},
    "a result without its parts": lambda row: {"result": "{}"},
    "a number that is a text": lambda row: {"input": '{"values": {"confidence": "0.9"}}'},
    "a forecast that was never made": lambda row: {"model_id": "m", "model_version": "1", "probability": 0.99},
}


def tamper(database: Database, number: int, change: str) -> str:
    """Change one decision by hand; each change has its own row."""
    with database.write() as connection:
        row = nth(connection, number * 7)
        changed = CHANGES[change](row)
        assert any(row[name] != value for name, value in changed.items())
        where = (t.decisions.c.user_id == row["user_id"], t.decisions.c.decision_id == row["decision_id"])
        assert connection.execute(update(t.decisions).where(*where).values(**changed)).rowcount == 1
        return str(row["decision_id"])


def nth(connection: Connection, number: int) -> Row:
    d = t.decisions
    query = select(d).where(d.c.user_id == "ada").order_by(d.c.evaluated_at_ms, d.c.decision_id).offset(number).limit(1)
    return dict(connection.execute(query).mappings().one())
