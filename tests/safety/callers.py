"""Callers of the real service that remember what they sent and what they were told, and what the store holds."""

import contextlib
import http.client
import math
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
import psutil
from sqlalchemy import create_engine, text

from tests.ports import HOST
from tests.service import SIGNAL, Service

USER = "ada"
CLIENT_SECONDS = 15.0
HEAL_SECONDS = 20.0

Told = tuple[int, dict[str, Any]]


class Caller:
    """One keep-alive connection; a call that finds it closed connects anew."""

    def __init__(self, service: Service, seconds: float = CLIENT_SECONDS) -> None:
        self._connection = http.client.HTTPConnection(HOST, service.port, timeout=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Told:
        """Status and body. OSError or HTTPException when no answer came."""
        sent = None if body is None else orjson.dumps(body)
        try:
            self._connection.request(
                method, path, body=sent, headers={"Content-Type": "application/json", **(headers or {})}
            )
            answer = self._connection.getresponse()
            return answer.status, orjson.loads(answer.read())
        except BaseException:
            self._connection.close()
            raise

    def report(self, body: Any, user: str = USER) -> Told:
        return self.call("POST", f"/api/v1/outcomes/{user}", body)

    def evaluate(self, user: str = USER, **fields: Any) -> Told:
        return self.call("POST", f"/api/v1/evaluate/{user}", {"signal": {**SIGNAL, **fields}})


def outcome(trade_id: str, pnl: float = 1.0, **fields: Any) -> dict[str, Any]:
    return {"trade_id": trade_id, "symbol": "BTCUSDT", "pnl": pnl, **fields}


# ---- outcomes under fire


class Reporters:
    """Threads that report outcomes, each again and again until it is acknowledged, as a careful bot does."""

    def __init__(self, service: Service, threads: int) -> None:
        self.service = service
        self.sent: dict[str, float] = {}
        self.acknowledged: dict[str, float] = {}
        self.refused: Counter[int] = Counter()
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        try:
            with Caller(self.service) as caller:
                for count in range(1_000_000):
                    if self._stop.is_set():
                        return
                    self._report(caller, f"t{number}-{count}", chance)
        except BaseException as error:
            self._failures.append(error)

    def _report(self, caller: Caller, trade_id: str, chance: random.Random) -> None:
        pnl = self.sent[trade_id] = round(chance.uniform(-5, 5), 4)
        # Now and then the bot gives up instead: such an outcome may be stored or not.
        attempts = 1 if chance.random() < 0.1 else 1_000
        for _ in range(attempts):
            try:
                status, told = caller.report(outcome(trade_id, pnl))
            except (OSError, http.client.HTTPException):
                if self._stop.wait(0.02):
                    return
                continue
            if status == 200:
                assert told["data"]["trade_id"] == trade_id
                assert told["data"]["pnl"] == pnl
                self.acknowledged[trade_id] = pnl
                return
            self.refused[status] += 1
            if self._stop.wait(0.02):
                return


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of outcomes, read past the service."""

    rows: list[tuple[str, float]]
    keys: list[str]
    effects: Counter[str]
    """By trade_id, how often the outcome took effect: one event for each."""
    conflicts: list[str]


def kept_in(url: str) -> Kept:
    rows = query(url, "SELECT trade_id, pnl FROM outcomes")
    keys = query(url, "SELECT trade_id FROM outcome_keys")
    effects = query(url, "SELECT payload FROM events WHERE kind = 'outcome.reported'")
    conflicts = query(url, "SELECT record_id FROM journal_conflicts")
    return Kept(
        [(row[0], row[1]) for row in rows],
        [row[0] for row in keys],
        Counter(orjson.loads(row[0])["trade_id"] for row in effects),
        [row[0] for row in conflicts],
    )


def assert_each_counted_once(kept: Kept, sent: dict[str, float], acknowledged: dict[str, float]) -> None:
    """0 lost, 0 doubled, 0 phantom."""
    stored = dict(kept.rows)
    assert not acknowledged.items() - stored.items(), "acknowledged, but lost or changed"
    assert not stored.items() - sent.items(), "stored, but never sent"
    assert len(kept.rows) == len(stored)
    assert sorted(kept.keys) == sorted(stored)
    assert kept.effects == Counter(stored.keys())
    assert not kept.conflicts


def query(url: str, statement: str) -> list[Any]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(statement)).all())
    finally:
        engine.dispose()


def store_of(service: Service) -> str:
    given = service.environment
    folder = given.get("ML_SERVICE_DATA_DIR", str(service.folder / "data"))
    return given.get("DATABASE_URL", f"sqlite:///{folder}/ml_service.db")


def await_health(service: Service, seconds: float = HEAL_SECONDS) -> None:
    """Until nothing is degraded any more: the database answers and the journal has drained."""
    with Caller(service) as caller:
        deadline = time.monotonic() + seconds
        while degraded := caller.call("GET", "/health")[1]["data"]["degraded"]:
            assert time.monotonic() < deadline, f"still degraded after {seconds} s: {degraded}"
            time.sleep(0.05)


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not {what} within {seconds} s"
        time.sleep(0.05)


# ---- decisions at a steady rate

RATE_PER_THREAD = 20.0
P99_MS_MAX = 50.0
IDLE_SHARE_MIN = 0.5
"""The service and its two callers leave more than this of two cores to others."""
STALL_MS_MAX = 30.0
PROBE_SECONDS = 0.01
MEASURED_AT_MOST = 3
CALM_SECONDS_MAX = 10.0


@dataclass(slots=True)
class Watched:
    """What the callers of evaluate saw during some seconds."""

    milliseconds: list[float] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    idle_share: float = 1.0
    """Of the whole machine, meanwhile."""

    @property
    def p99_ms(self) -> float:
        return percentile(self.milliseconds, 0.99)

    stalled_ms: float = 0.0
    """How long the machine itself held up the probe, at its worst."""

    @property
    def machine_was_in_the_way(self) -> bool:
        """Busy with others, or paused: then a slow answer proves nothing."""
        return self.idle_share < IDLE_SHARE_MIN or self.stalled_ms > STALL_MS_MAX


class Probe:
    """Sleeps and syncs a few bytes over and over. It owes nothing to the service: what holds it up is the machine."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.stalled_ms = 0.0

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with tempfile.TemporaryFile() as file:
            while not self._stop.is_set():
                began = time.perf_counter()
                time.sleep(PROBE_SECONDS)
                file.write(b"probe")
                file.flush()
                os.fsync(file.fileno())
                took_ms = (time.perf_counter() - began - PROBE_SECONDS) * 1000
                self.stalled_ms = max(self.stalled_ms, took_ms)


def watch(service: Service, seconds: float, threads: int = 2, **fields: Any) -> Watched:
    """Ask for decisions at a steady rate; latency counts from the moment each request was due."""
    seen = Watched()
    before = psutil.cpu_times()
    askers = [threading.Thread(target=ask, args=(service, seconds, seen, fields)) for _ in range(threads)]
    with Probe() as probe:
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    seen.stalled_ms = probe.stalled_ms
    seen.idle_share = idle_share(before)
    return seen


def idle_share(before: Any) -> float:
    after = psutil.cpu_times()
    return float((after.idle - before.idle) / max(sum(after) - sum(before), 0.01))


def ask(service: Service, seconds: float, seen: Watched, fields: dict[str, Any]) -> None:
    with Caller(service) as caller:
        began = time.perf_counter()
        for number in range(int(seconds * RATE_PER_THREAD)):
            due = began + number / RATE_PER_THREAD
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                status, told = caller.evaluate(**fields)
            except (OSError, http.client.HTTPException) as error:
                seen.failures.append(repr(error))
                continue
            seen.milliseconds.append((time.perf_counter() - due) * 1000)
            if status == 200 and told["data"]["decision"] in ("take", "reject"):
                seen.decisions.append(told["data"])
            else:
                seen.failures.append(f"{status} {told}")


def assert_always_answered(service: Service, seconds: float, **fields: Any) -> list[dict[str, Any]]:
    """Every request gets a decision, 99 in 100 within 50 ms; returns every decision that was made.

    A measurement on a machine that was busy with other things, or stalled, is taken again, twice at most; that each
    request is answered is asked of every one.
    """
    decisions: list[dict[str, Any]] = []
    for _ in range(MEASURED_AT_MOST):
        seen = watch(service, seconds, **fields)
        decisions += seen.decisions
        assert not seen.failures, seen.failures[:5]
        if seen.p99_ms <= P99_MS_MAX or not seen.machine_was_in_the_way:
            break
        await_calm()
    slowest = ", ".join(f"{each:.0f}" for each in sorted(seen.milliseconds)[-8:])
    assert seen.p99_ms <= P99_MS_MAX, (
        f"p99 {seen.p99_ms:.1f} ms (idle {seen.idle_share:.0%}, stalled {seen.stalled_ms:.0f} ms); {slowest}"
    )
    return decisions


def await_calm() -> None:
    deadline = time.monotonic() + CALM_SECONDS_MAX
    while time.monotonic() < deadline:
        before = psutil.cpu_times()
        time.sleep(1.0)
        if idle_share(before) >= IDLE_SHARE_MIN:
            return


def percentile(values: Sequence[float], share: float) -> float:
    """The value that a share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def decisions_in(url: str) -> Counter[str]:
    return Counter(row[0] for row in query(url, "SELECT decision_id FROM decisions"))


def assert_all_recorded(service: Service, decisions: Sequence[dict[str, Any]], seconds: float = HEAL_SECONDS) -> None:
    """Every decision that was answered arrives in the database, once."""
    answered = {decision["decision_id"] for decision in decisions}
    url = store_of(service)
    with contextlib.suppress(AssertionError):
        until(lambda: not answered - decisions_in(url).keys(), seconds, "all recorded")
    stored = decisions_in(url)
    missing = answered - stored.keys()
    assert not missing, f"{len(missing)} of {len(answered)} decisions never arrived"
    assert set(stored.values()) == {1}


def assert_untroubled(decisions: Sequence[dict[str, Any]]) -> None:
    """The trouble reached none of them. On a busy machine one in twenty may have missed its commit in time."""
    told = Counter(code for decision in decisions for code in decision["degraded"])
    assert set(told) <= {"unrecorded"}, told
    assert told["unrecorded"] <= max(2, len(decisions) // 20), (told, len(decisions))


def await_decisions_undegraded(service: Service, seconds: float = HEAL_SECONDS) -> None:
    with Caller(service) as caller:
        until(lambda: caller.evaluate()[1]["data"]["degraded"] == [], seconds, "free of trouble")


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `work` beside the block, until its event is set at the end; its failure is the block's."""
    failures: list[BaseException] = []
    over = threading.Event()

    def guarded() -> None:
        try:
            work(over)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]
