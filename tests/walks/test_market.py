"""One walk through the house: candles from a file and from the bot, features, a refused signal, its settlement."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml_service.domain.market.candles import Candles
from tests.candles import FIRST_MS, HOUR_MS, walk
from tests.service import PATIENT, ROOT, Service

SETTLED_SECONDS = 60.0
MINUTE_MS = 60_000
NAMED = ("--venue", "binance", "--symbol", "BTCUSDT", "--interval", "1h")


def at(moment_ms: int) -> dict[str, str]:
    return {"X-Test-Time": str(moment_ms)}


def post(service: Service, candles: Candles, now_ms: int) -> dict[str, Any]:
    answer = service.client.post(
        "/api/v1/market/binance/BTCUSDT/1h/candles",
        json=[list(candle[:6]) for candle in candles.rows()],
        headers=at(now_ms),
    )
    data: dict[str, Any] = answer.json()["data"]
    return data


def settled(service: Service, now_ms: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline:
        found = service.client.get("/api/v1/outcomes/ada", headers=at(now_ms)).json()["data"]["items"]
        if found:
            return list(found)
        time.sleep(0.2)
        # The worker looks once a minute, and may have done so just before the candles were there.
        now_ms += MINUTE_MS
    raise AssertionError(f"nothing was settled within {SETTLED_SECONDS} s:\n{service.output()}")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_refused_signal_becomes_evidence_without_the_bot_telling_of_it(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    more = {"DATABASE_URL": request.getfixturevalue("postgres_url")} if kind == "postgres" else {}
    candles = walk(640, seed=3)
    file = tmp_path / "candles.json"
    file.write_bytes(orjson.dumps([list(candle[:6]) for candle in candles[:600].rows()]))
    signal_ms = FIRST_MS + 601 * HOUR_MS + 60_000
    later_ms = FIRST_MS + 630 * HOUR_MS
    with Service(tmp_path / "service", "run", None, **PATIENT, **more) as service:
        imported = subprocess.run(
            [sys.executable, "-m", "ml_service", "data", "import", str(file), *NAMED],
            cwd=ROOT,
            env={**service._variables(), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert imported.returncode == 0, imported.stderr + imported.stdout

        post(service, candles[600:601], FIRST_MS + 601 * HOUR_MS)
        decision = service.evaluate("ada", at(signal_ms), confidence=0.1, price=float(candles.close[600]))
        added = post(service, candles[601:630], later_ms)
        (outcome,) = settled(service, later_ms)
        looked_up = service.client.get(f"/api/v1/decision/ada/{decision['decision_id']}", headers=at(later_ms)).json()

    assert decision["decision"] == "reject"
    assert decision["features"]["status"] == "partial"
    assert decision["features"]["bar"] < decision["evaluated_at"]
    assert looked_up["data"]["features"]["values"]["rsi"] is not None
    assert added["new"] == 29
    assert (outcome["source"], outcome["accepted"], outcome["symbol"]) == ("settlement", False, "BTCUSDT")
    assert outcome["trade_id"] == f"settled:{decision['decision_id']}"
    # In at the open of the bar after the signal's, out twelve hours later, less 0.06 % on each way.
    gross = 100.0 * (candles.open[614] / candles.open[602] - 1.0)
    assert abs(outcome["pnl_percent"] - (gross - 0.12)) < 0.05
    assert outcome["decision_id"] == decision["decision_id"]
