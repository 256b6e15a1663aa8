"""P6: the adaptive side cannot reach the decision path or the frozen model."""

import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.signing_key import load_signing_key
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.schema import MARKET
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.models.slots import Place
from tests.champions import crowned, shelved_set
from tests.migrated import migrated
from tests.safety.callers import assert_untroubled
from tests.service import ROOT, SIGNAL, Service

CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]

PLANTS: tuple[tuple[str, str, str], ...] = (
    ("Rooms stand in layers", "domain/gate.py", "import ml_service.usecases.evaluate"),
    ("Rooms stand in layers", "web/call.py", "def late():\n    import ml_service.cli.start"),
    ("Rooms stand in layers", "web/wiring.py", "import ml_service.worker.handlers"),
    ("Rooms stand in layers", "room_without_a_place/__init__.py", ""),
    ("The decision path never meets the learning side", "web/wiring.py", "import ml_service.learning"),
    ("The decision path never meets the learning side", "usecases/evaluate.py", "def late():\n    import sklearn.base"),
    ("The decision path never meets the learning side", "domain/gate.py", "import torch"),
    ("The decision path never meets the learning side", "adapters/snapshot.py", "import pickle"),
    (
        "The decision path never meets the learning side",
        "web/blueprints/signals.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
    ),
    ("The domain is pure", "domain/gate.py", "import time"),
    ("The domain is pure", "domain/outcomes.py", "def late():\n    from random import random"),
    ("Use-cases know sockets, not wires", "usecases/evaluate.py", "import sqlalchemy"),
    ("Use-cases know sockets, not wires", "usecases/prune.py", "from ml_service.settings import Settings"),
    ("Adapters know sockets, not use-cases", "adapters/snapshot.py", "import flask"),
    ("Adapters know sockets, not use-cases", "adapters/leader.py", "import ml_service.usecases.prune"),
    ("Blueprints know use-cases, not adapters", "web/blueprints/signals.py", "import ml_service.adapters.store.sql"),
    ("Blueprints know use-cases, not adapters", "web/blueprints/health.py", "import sqlalchemy"),
    ("Use-cases do not lean on each other", "usecases/evaluate.py", "import ml_service.usecases.prune"),
    ("Adapters do not lean on each other", "adapters/snapshot.py", "import ml_service.adapters.kill_file"),
    ("Only the store knows the tables", "web/wiring.py", "import ml_service.adapters.store.tables"),
    ("No cycles anywhere", "domain/types.py", "def late():\n    import ml_service.domain.gate"),
)
"""One forbidden import each: the contract that must catch it, the file it stands in, and its lines."""

HEAVY = (
    "onnx",
    "sklearn",
    "xgboost",
    "lightgbm",
    "torch",
    "stable_baselines3",
    "pandas",
    "joblib",
    "cloudpickle",
    "dill",
    "ccxt",
)
LEARNING_SIDE = (*HEAVY, "ml_service.learning", "ml_service.worker")


def lint(folder: Path) -> Mapping[str, bool]:
    """Which contracts are kept."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--cache-dir", str(folder / "cache")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    found = {
        name: any(line.strip() == f"{name} KEPT" for line in lines)
        for name in CONTRACTS
        if any(line.startswith(name) for line in lines)
    }
    # A contract that is not in the output was not checked at all.
    assert set(found) == set(CONTRACTS), done.stdout + done.stderr
    assert (done.returncode == 0) == all(found.values())
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with its contracts."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "ml_service", folder / "ml_service", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_import_contracts_hold(house: Path) -> None:
    kept = lint(house)

    assert all(kept.values()), kept


def test_every_contract_has_a_planted_violation() -> None:
    assert len(CONTRACTS) >= 10
    assert {contract for contract, _, _ in PLANTS} == set(CONTRACTS)


@pytest.mark.parametrize(("contract", "file", "lines"), PLANTS, ids=[f"{file}: {lines}" for _, file, lines in PLANTS])
def test_a_planted_forbidden_import_is_caught(contract: str, file: str, lines: str, house: Path) -> None:
    path = house / "ml_service" / file
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{lines}\n")

    try:
        kept = lint(house)
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before)

    assert not kept[contract]


EVALUATE_ALONE = """
import json, sys
from app import create_app

app = create_app()
client = app.test_client()
answers = [
    client.post("/api/v1/evaluate/ada", json={"signal": json.loads(sys.argv[1])}),
    client.post("/api/v1/evaluate/ada/batch", json={"signals": [json.loads(sys.argv[1])]}),
    client.post("/api/v1/outcomes/ada", json={"trade_id": "t", "symbol": "BTCUSDT", "pnl": 1}),
    client.put("/api/v1/thresholds/ada", json={"thresholds": {"rsi_threshold": 60}}),
    client.get("/api/v1/decisions/ada"),
    client.get("/openapi.json"),
    client.get("/metrics"),
]
app.extensions["process"].close()
print(json.dumps({"statuses": [one.status_code for one in answers], "modules": sorted(sys.modules)}))
"""


def embedded(folder: Path) -> dict[str, str]:
    """A store in the folder, and the environment that names it."""
    migrated(f"sqlite:///{folder / 'ml_service.db'}")
    migrated(f"sqlite:///{folder / 'market.db'}", MARKET)
    return {"ENVIRONMENT": "testing", "ML_SERVICE_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}


def crown(folder: Path) -> None:
    """A champion for every symbol, in that embedded store."""
    database = Database(f"sqlite:///{folder / 'ml_service.db'}")
    shelf, key = FolderShelf(folder / "shelf", 1 << 20), load_signing_key(folder, None)
    crowned(shelved_set(shelf, place=Place(), key=key), SqlStore(database))
    database.close()


@pytest.mark.parametrize("champion", [False, True], ids=["alone", "with a champion"])
def test_a_fresh_interpreter_that_has_evaluated_a_signal_holds_no_training_module(
    champion: bool, tmp_path: Path
) -> None:
    environment = embedded(tmp_path)
    if champion:
        crown(tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", EVALUATE_ALONE, json.dumps(SIGNAL)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["statuses"]) == {200}
    assert "ml_service.usecases.evaluate" in found["modules"]
    # Whoever has no model does without the library that runs them.
    assert ("onnxruntime" in found["modules"]) is champion
    parts = tuple(f"{one}." for one in LEARNING_SIDE)
    reached = [name for name in found["modules"] if f"{name}.".startswith(parts)]
    assert reached == []


# ---- the worker may do what it likes

SIGNALS = tuple(
    {**SIGNAL, "rsi": rsi, "confidence": confidence, "action": action}
    for rsi in (20, 55, 69, 71, 90)
    for confidence in (0.3, 0.66, 0.9)
    for action in ("BUY", "SELL", "HOLD")
)
CHANGING = ("decision_id", "processing_time_ms", "evaluated_at", "settings_hash", "degraded", "snapshot_age_ms")


def answers(service: Service) -> list[dict[str, object]]:
    """What is decided on each signal, without what differs from call to call."""
    told = [service.evaluate("ada", None, **fields) for fields in SIGNALS]
    assert_untroubled(told)
    return [{name: value for name, value in one.items() if name not in CHANGING} for one in told]


def worker(service: Service) -> psutil.Process:
    deadline = time.monotonic() + 20
    while not service.processes("worker") and time.monotonic() < deadline:
        time.sleep(0.05)
    return service.processes("worker")[0]


def test_a_stopped_or_killed_worker_changes_no_answer(service: Service) -> None:
    service.client.put("/api/v1/thresholds/ada", json={"thresholds": {"rsi_threshold": 62}}).raise_for_status()
    before = answers(service)
    web = service.web_worker().pid

    stopped = worker(service)
    stopped.send_signal(signal.SIGSTOP)
    while_stopped = answers(service)
    stopped.kill()
    while_dead = answers(service)
    again = worker(service)
    after = answers(service)

    assert while_stopped == while_dead == after == before
    assert again.pid != stopped.pid
    assert service.web_worker().pid == web


def test_a_worker_that_never_started_changes_no_answer(service: Service, tmp_path: Path) -> None:
    with_worker = answers(service)

    with Service(tmp_path / "alone", "web") as alone:
        without = answers(alone)
        helpers = alone.processes("worker")

    assert without == with_worker
    assert helpers == []
