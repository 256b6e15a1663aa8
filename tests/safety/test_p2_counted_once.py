"""P2: the same trade_id posted once or a thousand times, at once, across workers and restarts, counts once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.safety.callers import Caller, await_health, kept_in, outcome, store_of
from tests.service import PATIENT, Service

AT_ONCE = 32
REPEATED_AFTER_RESTART = 5
OF_THIS_POST = ("status", "duplicate", "stored", "index")
"""What an answer says of the post itself; all else is the first data."""

IDS = [20, pytest.param(500, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]


@dataclass(frozen=True, slots=True)
class Answer:
    sent_pnl: float
    status: str
    data: dict[str, Any] | None
    """The first data; None where a refusal carries none."""


@pytest.mark.parametrize("ids", IDS)
def test_a_trade_posted_many_times_at_once_over_two_workers_counts_once(
    tmp_path: Path, postgres_url: str, ids: int
) -> None:
    with Service(tmp_path, "run", None, DATABASE_URL=postgres_url, WORKERS="2", **PATIENT) as service:
        assert_a_storm_counts_once(service, ids)


@pytest.mark.parametrize("ids", IDS)
def test_a_trade_posted_many_times_at_once_on_sqlite_counts_once(tmp_path: Path, ids: int) -> None:
    with Service(tmp_path, "run", None, WORKERS="2", **PATIENT) as service:
        assert_a_storm_counts_once(service, ids)


def assert_a_storm_counts_once(service: Service, ids: int) -> None:
    first = {}
    with Storm(service) as posters:
        for number in range(ids):
            trade_id = f"trade-{number}"
            # Every second trade comes with two bodies that contradict each other.
            pnls = [1.0 + number, -1.0] if number % 2 else [1.0 + number]
            first[trade_id] = the_one_counted(posters(trade_id, pnls))

    service.kill()
    service.start()

    with Storm(service) as posters:
        for trade_id in list(first)[:: max(1, ids // REPEATED_AFTER_RESTART)]:
            kept_pnl = first[trade_id]["pnl"]
            for answer in posters(trade_id, [kept_pnl, kept_pnl + 7.0]):
                same = answer.sent_pnl == kept_pnl
                assert answer.status == ("duplicate" if same else "conflict")
                assert answer.data in (first[trade_id], None)
    await_health(service)
    kept = kept_in(store_of(service))
    assert sorted(kept.rows) == sorted((trade_id, data["pnl"]) for trade_id, data in first.items())
    assert sorted(kept.keys) == sorted(first)
    assert kept.effects == dict.fromkeys(first, 1)
    assert not kept.conflicts


def the_one_counted(answers: list[Answer]) -> dict[str, Any]:
    """The first data, once every answer has been held against it."""
    created = [answer for answer in answers if answer.status == "created"]
    assert len(created) == 1, [answer.status for answer in answers]
    first = created[0].data
    assert first is not None
    for answer in answers:
        if answer is not created[0]:
            assert answer.status == ("duplicate" if answer.sent_pnl == first["pnl"] else "conflict")
            assert answer.data in (first, None)
    return first


class Storm:
    """32 connections that post one trade at the same moment, some alone and some in lists."""

    def __init__(self, service: Service) -> None:
        self._callers = [Caller(service) for _ in range(AT_ONCE)]
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def __enter__(self) -> "Storm":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for caller in self._callers:
            caller.__exit__()

    def __call__(self, trade_id: str, pnls: list[float]) -> list[Answer]:
        start = Barrier(AT_ONCE)

        def post(number: int) -> list[Answer]:
            start.wait(30)
            pnl = pnls[number % len(pnls)]
            # Of eight, two come in lists: one beside itself, one as the only item.
            times = {5: 2, 6: 1}.get(number % 8)
            return list(posted(self._callers[number], trade_id, pnl, times))

        return [answer for answers in self._pool.map(post, range(AT_ONCE)) for answer in answers]


def posted(caller: Caller, trade_id: str, pnl: float, times: int | None) -> Iterator[Answer]:
    body = outcome(trade_id, pnl)
    status, told = caller.report(body if times is None else [body] * times)
    if times is not None:
        assert status == 200, told
        assert len(told["data"]["results"]) == times
        for result in told["data"]["results"]:
            yield answer_of(pnl, result)
    elif status == 409:
        assert told["code"] == "trade_id_conflict"
        yield Answer(pnl, "conflict", None)
    else:
        assert status == 200, told
        yield answer_of(pnl, told["data"])


def answer_of(pnl: float, data: dict[str, Any]) -> Answer:
    assert data["duplicate"] == (data["status"] == "duplicate")
    return Answer(pnl, data["status"], {name: value for name, value in data.items() if name not in OF_THIS_POST})
