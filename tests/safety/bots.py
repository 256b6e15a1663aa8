"""Bots that trade through the service in a time of their own, and what the store holds of what was learned."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.learner_codec import learned_from
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.adaptation.anchored import Memory
from ml_service.domain.audit import flaws
from ml_service.web.wire import iso
from tests.safety.callers import HEAL_SECONDS, query, store_of, until
from tests.service import PATIENT, Service

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FIRST_DAY_MS = 1_772_409_600_000
"""2026-03-02. A simulation may lie in the past: each has a data folder of its own."""
PER_DAY = 24
KEPT = {f"ML_SERVICE__RETENTION__{kind}_DAYS": "36500" for kind in ("DECISIONS", "EPISODES")} | PATIENT
"""The worker lives at the newest time; what another bot did long before must not have become too old by then."""
BY_HAND = {"ML_SERVICE__ADAPTATION__AUTOMATIC": "false", **KEPT}
"""The worker adapts when it is asked to, and not by itself."""
BTC, ETH = "BTCUSDT", "ETHUSDT"
LEARNED = ("adapt", "rollback")


def morning(day: int) -> int:
    return FIRST_DAY_MS + day * DAY_MS


def evening(day: int) -> int:
    return morning(day + 1) - 1


def moment(now_ms: int) -> dict[str, str]:
    return {"X-Test-Time": str(now_ms)}


class Bot:
    """One user. Of what the default confidence lets through, the lower half loses and the upper half gains."""

    def __init__(self, service: Service, user: str = "ada", seed: int = 5) -> None:
        self.service = service
        self.user = user
        self.seed = seed
        self.decided = self.kept = self.reported = 0

    # ---- trading

    def trade(self, days: range, symbol: str = BTC) -> None:
        """Up to forty days at once."""
        results = self.report(self.outcomes(days, symbol), evening(days[-1]))
        assert {one["status"] for one in results} == {"created"}

    def outcomes(
        self, days: range, symbol: str = BTC, market: str | None = None, **signal: Any
    ) -> list[dict[str, Any]]:
        """The signals of some days are decided; returns what became of them, still to be reported. Symbols of one
        `market` go through the very same."""
        chance = random.Random(f"{self.seed}-{self.user}-{market or symbol}-{days}")
        numbered = [(day, number) for day in days for number in range(PER_DAY)]
        signals = [
            {
                "symbol": symbol,
                "action": chance.choice(("BUY", "SELL")),
                "confidence": min(1.0, max(0.0, chance.gauss(0.72, 0.1))),
                "rsi": chance.uniform(20, 80),
                "decision_id": f"{symbol}-{day}-{number}",
                **signal,
            }
            for day, number in numbered
        ]
        path = f"/api/v1/evaluate/{self.user}/batch"
        decided = self.told("POST", path, {"signals": signals}, morning(days[0]))["results"]
        self.decided += len(signals)
        self.await_rows("decisions", self.decided)
        return [
            {
                "trade_id": f"t-{one['decision_id']}",
                "symbol": symbol,
                "accepted": answer["data"]["should_trade"],
                "pnl": 10.0 * ((-1.0 if one["confidence"] < 0.74 else 0.4) + chance.gauss(0, 1)),
                "risk": 10.0,
                "closed_at": iso(morning(day) + (number + 1) * DAY_MS // (PER_DAY + 2)),
                "decision_id": one["decision_id"],
            }
            for (day, number), one, answer in zip(numbered, signals, decided, strict=True)
        ]

    def report(self, outcomes: Sequence[dict[str, Any]], now_ms: int) -> list[dict[str, Any]]:
        path = f"/api/v1/outcomes/{self.user}"
        results: list[dict[str, Any]] = self.told("POST", path, {"outcomes": list(outcomes)}, now_ms)["results"]
        self.reported += sum(one["status"] == "created" for one in results)
        self.kept += sum(one["status"] in ("created", "quarantined") for one in results)
        self.await_rows("outcomes", self.kept)
        return results

    def await_rows(self, table: str, count: int) -> None:
        """On a busy machine the journal may have taken them, and what is in there teaches tomorrow."""
        statement = f"SELECT COUNT(*) FROM {table} WHERE user_id = '{self.user}'"
        until(lambda: query(store_of(self.service), statement)[0][0] >= count, HEAL_SECONDS, "in the database")

    # ---- learning

    def adapt(self, now_ms: int, symbol: str = BTC) -> dict[str, Any]:
        return self.told("POST", self.path("adapt"), {"symbol": symbol}, now_ms)

    def undo(self, adaptation_id: str, now_ms: int) -> httpx.Response:
        return self.call("POST", self.path(f"adaptations/{adaptation_id}/undo"), {}, now_ms)

    def thresholds(self, symbol: str = BTC) -> dict[str, Any]:
        return self.told("GET", f"/api/v1/thresholds/{self.user}?symbol={symbol.replace('*', '%2A')}")

    def history(self) -> list[dict[str, Any]]:
        """Every revision of every scope, newest first."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.told("GET", self.path(f"history?limit=200{cursor}"))
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    # ---- calling

    def path(self, rest: str) -> str:
        return f"/api/v1/thresholds/{self.user}/{rest}"

    def call(self, method: str, path: str, body: Any = None, now_ms: int | None = None) -> httpx.Response:
        headers = moment(now_ms) if now_ms is not None else {}
        return self.service.client.request(method, path, json=body, headers=headers)

    def told(self, method: str, path: str, body: Any = None, now_ms: int | None = None) -> dict[str, Any]:
        answer = self.call(method, path, body, now_ms)
        assert answer.status_code in (200, 202), answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data


# ---- what the store holds


@dataclass(frozen=True, slots=True)
class Scope:
    """What is kept of one user's symbol."""

    known: int
    """What its learner has observed."""
    marked: int
    """Outcomes that carry the mark of having been learned from."""
    head: int
    revisions: list[int]
    adapted: list[int]
    """Revisions that learning made."""
    adaptations: list[int]
    """Revisions that adaptations speak of."""

    def assert_consistent(self) -> None:
        assert self.revisions == list(range(1, len(self.revisions) + 1))
        assert self.head == len(self.revisions)
        assert self.adapted == self.adaptations


def known_of(state: bytes) -> int:
    memory = learned_from(state).memory
    assert isinstance(memory, Memory)
    return memory.known


def scope_in(service: Service, user: str = "ada", symbol: str = BTC) -> Scope:
    url = store_of(service)
    where = f"WHERE user_id = '{user}' AND symbol = '{symbol}'"
    states = query(url, f"SELECT state FROM learners {where} AND state IS NOT NULL")
    revisions = query(url, f"SELECT revision, source FROM thresholds {where} ORDER BY revision")
    heads = query(url, f"SELECT revision FROM threshold_heads {where}")
    told = query(url, f"SELECT revision FROM adaptations {where} ORDER BY revision")
    return Scope(
        known=known_of(bytes(states[0][0])) if states else 0,
        marked=len(marked_in(url, user, symbol)),
        head=heads[0][0] if heads else 0,
        revisions=[row[0] for row in revisions],
        adapted=[row[0] for row in revisions if row[1] in LEARNED],
        adaptations=[row[0] for row in told],
    )


def marked_in(url: str, user: str, symbol: str) -> list[str]:
    """A user's row for all symbols has a mark of its own."""
    if symbol == "*":
        which = f"user_id = '{user}' AND pooled_at_ms > 0"
    else:
        which = f"user_id = '{user}' AND symbol = '{symbol}' AND learned_at_ms > 0"
    return [row[0] for row in query(url, f"SELECT trade_id FROM outcomes WHERE {which}")]


def assert_audit_holds(url: str) -> None:
    database = Database(url)
    try:
        with SqlStore(database).read() as reading:
            assert list(flaws(reading.audit_entries(0, None), None)) == []
    finally:
        database.close()
