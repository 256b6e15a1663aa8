"""P4: no threshold ever leaves its bounds, none learns more than the cap in a cycle, and no user moves another's."""

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ml_service.domain.parameters import PARAMETERS
from tests.safety.bots import BTC, BY_HAND, ETH, HOUR_MS, Bot, assert_audit_holds, evening, scope_in
from tests.safety.callers import store_of
from tests.service import Service

USERS = ("ada", "bob", "eve")
SYMBOLS = (BTC, ETH, "*")
SPAN_SHARE_MAX = 0.1
DIGITS = 1e-9
BEGINNING = 15
"""Days before anybody does more than trade."""


@pytest.fixture
def more(request: pytest.FixtureRequest) -> dict[str, str]:
    """Embedded, or with two web workers on PostgreSQL."""
    if request.param == "sqlite":
        return {}
    return {"DATABASE_URL": request.getfixturevalue("postgres_url"), "WORKERS": "2"}


LONG = [pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.mark.parametrize(
    ("more", "days", "seed"),
    [
        ("sqlite", 21, 1),
        pytest.param("sqlite", 400, 2, marks=LONG),
        pytest.param("postgres", 200, 3, marks=LONG),
    ],
    indirect=["more"],
)
def test_whatever_anybody_does_for_months(tmp_path: Path, more: dict[str, str], days: int, seed: int) -> None:
    more = {**more, **BY_HAND}
    with Service(tmp_path / "all", "run", None, **more) as service:
        lives = [Life(Bot(service, user, seed)) for user in USERS]
        live_together(lives, days)
        for life in lives:
            life.assert_history_is_right()
        assert sum(len(ids) for life in lives for ids in life.adapted.values()) >= days // 3
        assert_audit_holds(store_of(service))
        together = [essence(one) for one in lives[0].bot.history()]

    more["DATABASE_URL"] = f"sqlite:///{tmp_path / 'alone.db'}"
    with Service(tmp_path / "alone", "run", None, **more) as service:
        again = Life(Bot(service, USERS[0], seed))
        live_together([again], days)
        # Whatever the others did, and however absurd it was, it moved nothing here.
        assert [essence(one) for one in again.bot.history()] == together


def live_together(lives: Sequence["Life"], days: int) -> None:
    for life in lives:
        for symbol in (BTC, ETH):
            life.bot.trade(range(BEGINNING), symbol)
    for day in range(BEGINNING, days):
        for life in lives:
            life.live(day)


EXTREMES: Sequence[Mapping[str, Any]] = (
    {"pnl": 1e300},
    {"pnl": -1e6},
    {"pnl": -200.0},
    {"pnl": 200.0},
    {"pnl": 5e-324},
    {"pnl": 1.0, "risk": 1e-300},
    {"pnl": -1.0, "risk": 1e300},
    {"pnl": None, "risk": None, "pnl_percent": -100.0},
    {"pnl": None, "risk": None, "pnl_percent": 1.7e308},
    {"pnl": -50.0, "risk": None},
    {"closed_at": "2099-12-31T23:59:59Z"},
    {"closed_at": "2000-01-01T00:00:00Z"},
    {"closed_at": None},
)


class Life:
    """What one user does, day by day: drawn from a seed, and looked at after each step."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.chance = random.Random(f"{bot.seed}-{bot.user}")
        self.seen = {symbol: bot.thresholds(symbol) for symbol in SYMBOLS}
        self.bounds = self.seen["*"]["bounds"]
        self.adapted: dict[str, list[str]] = {symbol: [] for symbol in SYMBOLS}
        self.told: list[dict[str, Any]] = []
        self.late: list[dict[str, Any]] = []

    def live(self, day: int) -> None:
        self.trade(day)
        self.look()
        rare = (self.undo, self.reset, self.put, self.restore, self.freeze)
        for number in range(self.chance.randint(1, 3)):
            symbol = self.chance.choice(SYMBOLS)
            step = self.adapt if self.chance.random() < 0.7 else self.chance.choice(rare)
            step(symbol, evening(day) - HOUR_MS + number)
            self.look(symbol)

    # ---- steps

    def trade(self, day: int) -> None:
        """Some outcomes are extreme, some come a day late, some twice, some with another result, some are put right."""
        outcomes = self.bot.outcomes(range(day, day + 1), self.chance.choice((BTC, ETH)))
        for one in self.chance.sample(outcomes, 3):
            one.update(self.chance.choice(EXTREMES))
        self.chance.shuffle(outcomes)
        now, late = outcomes[4:], outcomes[:4]
        again = [*now[:2], {**now[2], "pnl": 7.5}]
        self.told = [*now, *self.told][:100]
        corrected = [
            {**one, "trade_id": f"{one['trade_id']}+", "corrects": one["trade_id"], "pnl": self.chance.gauss(0, 20)}
            for one in self.chance.sample(self.told, 2)
        ]
        sent = [*now, *again, *self.late, *corrected]
        self.late = late
        self.bot.report(
            [{name: value for name, value in one.items() if value is not None} for one in sent], evening(day)
        )

    def adapt(self, symbol: str, now_ms: int) -> None:
        told = self.bot.adapt(now_ms, symbol)
        moved = {move["parameter"]: move["new_value"] for move in told["updates"]}
        assert told["thresholds"] == {**self.seen[symbol]["thresholds"], **moved}
        if told["adaptation_id"] is not None:
            self.adapted[symbol].append(told["adaptation_id"])

    def undo(self, symbol: str, now_ms: int) -> None:
        """Once, again, and the one before."""
        for adaptation_id in [*self.adapted[symbol][-1:], *reversed(self.adapted[symbol][-2:])]:
            answer = self.bot.undo(adaptation_id, now_ms)
            assert answer.status_code == 200 or answer.json()["code"] in ("not_the_latest", "changed_since")

    def reset(self, symbol: str, now_ms: int) -> None:
        self.bot.told("POST", self.bot.path("reset"), {"symbol": symbol}, now_ms)

    def put(self, symbol: str, now_ms: int) -> None:
        name = self.chance.choice(list(PARAMETERS))
        low, high = self.bounds[name]["low"], self.bounds[name]["high"]
        value = self.chance.choice([low, high, self.chance.uniform(low, high), 2 * high, -1e300])
        body = {"symbol": symbol, "thresholds": {name: value}}
        answer = self.bot.call("PUT", f"/api/v1/thresholds/{self.bot.user}", body, now_ms)
        assert answer.status_code == (200 if low <= value <= high else 400), answer.text

    def restore(self, symbol: str, now_ms: int) -> None:
        body = {"symbol": symbol, "revision": self.chance.randint(1, 5)}
        assert self.bot.call("POST", self.bot.path("restore"), body, now_ms).status_code in (200, 404)

    def freeze(self, symbol: str, now_ms: int) -> None:
        self.bot.told("POST", self.bot.path("freeze"), {"symbol": symbol, "reason": "a test"}, now_ms)
        assert self.bot.adapt(now_ms, symbol)["updates"] == []
        self.bot.told("POST", self.bot.path("unfreeze"), {"symbol": symbol}, now_ms)

    # ---- what must be true after each

    def look(self, touched: str | None = None) -> None:
        for symbol in SYMBOLS:
            found = self.bot.thresholds(symbol)
            self.assert_in_bounds(found["thresholds"])
            follows = touched == "*" and found["inherited_from"] == "*"
            if symbol != touched and not follows:
                assert found["thresholds"] == self.seen[symbol]["thresholds"]
            self.seen[symbol] = found

    def assert_in_bounds(self, values: Mapping[str, float]) -> None:
        assert values.keys() == self.bounds.keys()
        for name, value in values.items():
            assert math.isfinite(value)
            assert self.bounds[name]["low"] <= value <= self.bounds[name]["high"]

    def assert_history_is_right(self) -> None:
        """Every revision is there, and each tells what it changed; none that was learned went further than it may."""
        history = self.bot.history()
        for symbol in SYMBOLS:
            scope_in(self.bot.service, self.bot.user, symbol).assert_consistent()
            revisions = [one for one in reversed(history) if one["symbol"] == symbol]
            assert [one["revision"] for one in revisions] == list(range(1, len(revisions) + 1))
            assert [one["source"] for one in revisions].count("adapt") <= len(self.adapted[symbol])
            for before, after in itertools.pairwise([None, *revisions]):
                assert after is not None
                self.assert_in_bounds(after["thresholds"])
                if after["adaptation"] is not None:
                    self.assert_told(before, after)

    def assert_told(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        updates = {move["parameter"]: move for move in after["adaptation"]["updates"]}
        for name, value in after["thresholds"].items():
            move = updates.get(name, {"old_value": value, "new_value": value})
            assert move["new_value"] == value
            assert before is None or move["old_value"] == before["thresholds"][name]
            if after["source"] == "adapt":
                assert self.step_share(name, move["old_value"], value) <= SPAN_SHARE_MAX + DIGITS

    def step_share(self, name: str, before: float, after: float) -> float:
        """Of the span, and of its logarithm where the parameter is logarithmic."""
        numbers: list[float] = [before, after, self.bounds[name]["low"], self.bounds[name]["high"]]
        if PARAMETERS[name].scale == "log":
            numbers = [math.log(number) for number in numbers]
        return abs(numbers[1] - numbers[0]) / (numbers[3] - numbers[2])


def essence(revision: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(revision[name] for name in ("symbol", "revision", "thresholds", "source", "changed_at"))
