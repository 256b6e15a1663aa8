"""One walk through the house: candles become models, a set of them is promoted, decides, is replayed and taken back."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.candles import FIRST_MS, HOUR_MS, walk
from tests.service import PATIENT, ROOT, Service

BARS = 1_500
NOTICED_SECONDS = 10.0
NAMED = ("--venue", "binance", "--symbol", "BTCUSDT", "--interval", "1h")
MODELS = {"sqlite": ("logistic", "lightgbm"), "postgres": ("xgboost", "lightgbm")}
SMALL = ("--folds", "2", "--horizon", "6", "--days", "365")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_trained_set_decides_once_it_is_promoted_and_no_longer_once_it_is_taken_back(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    more = {"DATABASE_URL": request.getfixturevalue("postgres_url")} if kind == "postgres" else {}
    file = tmp_path / "candles.json"
    file.write_bytes(orjson.dumps([list(candle[:6]) for candle in walk(BARS, seed=5).rows()]))
    now = {"X-Test-Time": str(FIRST_MS + BARS * HOUR_MS + 60_000)}
    with Service(tmp_path / "service", "run", None, **PATIENT, **more) as service:
        typed(service, "data", "import", str(file), *NAMED)
        before = service.evaluate("ada", now)
        trained = orjson.loads(typed(service, "train", *NAMED, *SMALL, "--models", ",".join(MODELS[kind]), "--json"))
        unpromoted = service.evaluate("ada", now)
        typed(service, "models", "promote", trained["set_id"], "--reason", "the first")
        decision = decided_once(service, now, trained["set_id"])
        typed(service, "models", "verify")
        replayed = typed(service, "replay", "--since", "20000d", "--models")
        looked_up = service.client.get(f"/api/v1/decision/ada/{decision['decision_id']}").json()["data"]
        typed(service, "models", "rollback", "--symbol", "BTCUSDT")
        after = decided_once(service, now, None)

    assert (before["model"], before["model_status"]) == (None, "none")
    assert unpromoted["model"] is None
    assert tuple(member["type"] for member in decision["model"]["members"]) == MODELS[kind]
    assert sum(member["weight"] for member in decision["model"]["members"]) == pytest.approx(1.0, abs=1e-5)
    assert 0.0 < decision["probability"] < 1.0
    assert looked_up["model"] == decision["model"]
    assert "0 came out differently" in replayed
    assert after["model_status"] == "none"


def typed(service: Service, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ml_service", *words],
        cwd=ROOT,
        env={**service._variables(), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def decided_once(service: Service, now: dict[str, str], set_id: str | None) -> dict[str, Any]:
    """The first decision in which that set has a say, or none has; a file is opened beside the requests."""
    deadline = time.monotonic() + NOTICED_SECONDS
    while time.monotonic() < deadline:
        decision: dict[str, Any] = service.evaluate("ada", now)
        if (decision["model"] or {}).get("id") == set_id:
            return decision
        time.sleep(0.1)
    raise AssertionError(f"not so within {NOTICED_SECONDS} s: {decision['model_status']} {decision['model']}")
