"""P12: a jumping clock neither double-fires nor freezes anything."""

import itertools
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from ml_service.worker.schedule import Schedule, Task
from tests.safety.bots import BY_HAND, FIRST_DAY_MS, KEPT, Bot, evening, scope_in
from tests.safety.callers import query, store_of, until
from tests.servers import PostgresServer
from tests.service import PATIENT, SIGNAL, Service

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def jumps() -> list[int]:
    """Moments in the order in which a clock gone mad shows them: there and back again."""
    now = time.time_ns() // 1_000_000
    by_the_hour = [now, now + HOUR_MS, now - HOUR_MS, now + 400 * DAY_MS, now - 400 * DAY_MS, now]
    # Both changes of the clocks in Europe and in America, a second before and after.
    daylight = ["2026-03-29T00:59:59", "2026-03-29T01:00:01", "2026-10-25T00:59:59", "2026-10-25T01:00:01"]
    daylight += ["2026-03-08T06:59:59", "2026-03-08T07:00:01", "2026-11-01T05:59:59", "2026-11-01T06:00:01"]
    century = ["2038-01-19T03:14:07", "2038-01-19T03:14:08", "2040-02-29T12:00:00", "2099-12-31T23:59:59"]
    return [*by_the_hour, *map(at, daylight), *map(at, century), now]


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """For tests that each take a user of their own, and each show it every moment there is."""
    more = {}
    if request.param == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        more["DATABASE_URL"] = postgres.create_database("jumping", template="migrated")
    with Service(tmp_path_factory.mktemp("jumping"), "run", None, **KEPT, **more) as running:
        yield running


def test_decisions_and_outcomes_go_on_and_lists_show_each_once(either: Service) -> None:
    decided, reported = [], []
    for number, now_ms in enumerate(jumps()):
        decision = either.evaluate(headers=moment(now_ms))
        assert decision["decision"] == "take"
        assert decision["degraded"] == []
        assert decision["evaluated_at"] == shown(now_ms)
        decided.append(decision["decision_id"])
        report = {"trade_id": f"t{number}", "symbol": "BTCUSDT", "pnl": 1.0, "decision_id": decision["decision_id"]}
        told = post(either, "/api/v1/outcomes/ada", report, now_ms)
        assert (told["stored"], told["duplicate"], told["matched_by"]) == ("database", False, "decision_id")
        reported.append(told["trade_id"])
    # The same moments once more: every id is a new one.
    decided += [either.evaluate(headers=moment(now_ms))["decision_id"] for now_ms in jumps()]

    listed = all_pages(either, "/api/v1/decisions/ada")
    assert len(set(decided)) == len(decided)
    assert sorted(one["decision_id"] for one in listed) == sorted(decided)
    newest_first = [one["evaluated_at"] for one in listed]
    assert newest_first == sorted(newest_first, reverse=True)
    assert sorted(one["trade_id"] for one in all_pages(either, "/api/v1/outcomes/ada")) == sorted(reported)
    for decision_id in decided:
        replayed = either.client.post(f"/api/v1/decision/ada/{decision_id}/replay").json()
        assert replayed["data"]["equal"] is True


def test_revisions_of_thresholds_stay_in_order_and_their_times_never_run_backwards(either: Service) -> None:
    for number, now_ms in enumerate(jumps()):
        answer = either.client.put(
            "/api/v1/thresholds/bob", json={"thresholds": {"rsi_threshold": 60 + number}}, headers=moment(now_ms)
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["revision"] == number + 1

        # It is in force at once, whatever the clock shows.
        assert either.evaluate("bob", moment(now_ms))["thresholds"]["rsi_threshold"] == 60 + number

    history = all_pages(either, "/api/v1/thresholds/bob/history")
    assert [one["revision"] for one in history] == list(range(len(jumps()), 0, -1))
    times = [one["changed_at"] for one in history]
    assert times == sorted(times, reverse=True)


def test_a_trade_counts_once_whenever_it_is_repeated(either: Service) -> None:
    report = {"trade_id": "once", "symbol": "BTCUSDT", "pnl": 1.0}
    first = post(either, "/api/v1/outcomes/cleo", report, jumps()[0])

    repeats = [post(either, "/api/v1/outcomes/cleo", report, now_ms) for now_ms in jumps()]

    assert all(one["duplicate"] for one in repeats)
    assert {one["received_at"] for one in repeats} == {first["received_at"]}


@pytest.fixture(scope="module")
def without_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A worker lives at the newest time of all: what went back with a clock would be too old for it."""
    with Service(tmp_path_factory.mktemp("alone"), "web", None, **PATIENT) as running:
        yield running


@pytest.mark.parametrize("jump_ms", [0, HOUR_MS, -HOUR_MS, 23 * HOUR_MS, -400 * DAY_MS])
def test_an_idempotency_key_is_known_after_a_jump_of_less_than_a_day_or_back(
    without_worker: Service, jump_ms: int
) -> None:
    user, now = f"jumps-{jump_ms}", jumps()[0]
    first = put_once(without_worker, user, 71, now)

    again = put_once(without_worker, user, 71, now + jump_ms)

    assert first[0] == 200
    assert again == first
    assert put_once(without_worker, user, 72, now + jump_ms)[0] == 422


@pytest.mark.parametrize("first_jump_ms", [0, 400 * DAY_MS])
def test_an_idempotency_key_is_forgotten_a_day_later_though_it_was_made_in_the_future(
    without_worker: Service, first_jump_ms: int
) -> None:
    user, now = f"later-{first_jump_ms}", jumps()[0]
    assert put_once(without_worker, user, 71, now + first_jump_ms)[0] == 200
    # The clock is right again: the key is known, and its day begins now at the latest.
    assert put_once(without_worker, user, 72, now)[0] == 422

    later = put_once(without_worker, user, 72, now + 25 * HOUR_MS)

    assert later[0] == 200


def test_the_worker_s_intervals_do_not_move_with_the_wall_clock() -> None:
    ran: list[float] = []
    passed = [0.0]
    wall = itertools.cycle([0, 4_000_000_000_000_000_000, -1])
    plan = Schedule((Task("each minute", 60.0, lambda parts: ran.append(passed[0])),))
    clocks = SimpleNamespace(monotonic=lambda: 1000.0 + passed[0], time=lambda: next(wall), time_ns=lambda: next(wall))
    with patch("ml_service.worker.schedule.time", clocks):
        for passed[0] in range(0, 301, 10):
            plan.run_due(Idle())  # type: ignore[arg-type]  # All that the schedule asks of its parts.

    assert ran == [0, 60, 120, 180, 240, 300]


def test_the_worker_follows_the_newest_time_of_a_simulation(service: Service) -> None:
    now = at("2026-03-01T12:00:00")
    for minute in range(3):
        service.evaluate(headers=moment(now + minute * 60_000))
    assert len(all_pages(service, "/api/v1/decisions/ada")) == 3

    service.evaluate(headers=moment(now + 40 * DAY_MS))

    # Older than thirty days now: one decision of the three stays.
    deadline = time.monotonic() + 20
    while len(all_pages(service, "/api/v1/decisions/ada")) != 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_no_jump_of_an_hour_and_no_daylight_saving_lets_a_day_s_evidence_be_settled_twice(tmp_path: Path) -> None:
    with Service(tmp_path, "run", None, **BY_HAND) as service:
        bot = Bot(service)
        bot.trade(range(26))
        day = 26
        # The days on which clocks change in America and in Europe are among them.
        for jump_ms in [0, HOUR_MS, -HOUR_MS, 0, -HOUR_MS, HOUR_MS, 0, 0]:
            bot.trade(range(day, day + 1))
            told = [bot.adapt(evening(day) - 2 * HOUR_MS + each) for each in (0, jump_ms, -jump_ms, 0)]
            assert sum(one["evidence"]["new_outcomes"] > 0 and one["verdict"] != "held" for one in told) <= 1
            assert sum(one["adaptation_id"] is not None for one in told) <= 1
            assert {one["verdict"] for one in told[1:]} == {"held"}
            day += 1
        scope = scope_in(service)
        scope.assert_consistent()
        assert scope.known == scope.marked == bot.reported


def test_after_any_jump_a_scope_adapts_once_a_day_again_and_none_is_frozen_for_ever(tmp_path: Path) -> None:
    with Service(tmp_path, "run", None, **BY_HAND) as service:
        bot = Bot(service)
        begin = at("2026-06-01T00:00:00") // DAY_MS
        first = (begin * DAY_MS - FIRST_DAY_MS) // DAY_MS
        bot.trade(range(first - 26, first))
        bot.adapt(evening(first))
        day = first + 1
        for jump_days in (400, -400, 4_300, -90, 0):
            # Something came in and was settled while the clock was wrong …
            bot.trade(range(day + jump_days, day + jump_days + 1))
            wrong = [bot.adapt(evening(day + jump_days)) for _ in range(3)]
            assert sum(one["adaptation_id"] is not None for one in wrong) <= 1
            # … and two days after it was put right, all that was waiting is settled.
            for _ in range(2):
                day += 1
                bot.trade(range(day, day + 1))
                right = [bot.adapt(evening(day)) for _ in range(3)]
                assert sum(one["adaptation_id"] is not None for one in right) <= 1
            scope = scope_in(service)
            scope.assert_consistent()
            assert scope.known == scope.marked == bot.reported
            day += 1


def test_the_pause_after_an_undo_ends_though_the_clock_was_ahead_when_it_began(tmp_path: Path) -> None:
    with Service(tmp_path, "run", None, **BY_HAND) as service:
        bot = Bot(service)
        bot.trade(range(25))
        adaptation_id = bot.adapt(evening(24))["adaptation_id"]
        for day in range(25, 30):
            bot.trade(range(day, day + 1))
            adaptation_id = bot.adapt(evening(day))["adaptation_id"] or adaptation_id
        assert bot.undo(adaptation_id, evening(29 + 400)).status_code == 200

        told = []
        for day in range(30, 45):
            bot.trade(range(day, day + 1))
            told.append(bot.adapt(evening(day)))

        assert "cooling down for another 48 hours" in told[0]["reason"]
        assert not any("cooling down" in one["reason"] for one in told[3:])
        assert any(one["adaptation_id"] is not None for one in told)


def test_the_worker_adapts_a_scope_once_a_day_whatever_the_clock_does_meanwhile(tmp_path: Path) -> None:
    with Service(tmp_path, "run", None, **KEPT) as service:
        bot = Bot(service)
        bot.trade(range(26))
        for day in range(26, 34):
            bot.trade(range(day, day + 1))
            for hours in (0, 1, -1, 2, -3):
                service.evaluate("ada", headers=moment(evening(day) - 4 * HOUR_MS + hours * HOUR_MS))
                # Time for the worker to see it, and to do what it finds due.
                time.sleep(0.1)
        url = store_of(service)
        until(lambda: bool(query(url, "SELECT id FROM adaptations")), 20.0, "adapted by itself")
        until(lambda: not query(url, "SELECT id FROM jobs WHERE state IN ('waiting', 'running')"), 20.0, "at rest")

        days = [row[0] // DAY_MS for row in query(url, "SELECT at_ms FROM adaptations WHERE symbol = 'BTCUSDT'")]
        assert len(days) == len(set(days))
        scope = scope_in(service)
        scope.assert_consistent()
        assert scope.known == scope.marked


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_elsewhere_than_in_tests_nobody_sets_the_clock(tmp_path: Path, environment: str) -> None:
    with Service(tmp_path, ENVIRONMENT=environment, ML_SERVICE_TRUSTED_NETWORK="127.0.0.0/8") as service:
        answers = [
            service.client.request(method, path, json=body, headers=moment(jumps()[1]))
            for method, path, body in (
                ("POST", "/api/v1/evaluate/ada", {"signal": SIGNAL}),
                ("POST", "/evaluate", {"user_id": "ada", **SIGNAL}),
                ("POST", "/api/v1/outcomes/ada", {"trade_id": "t", "symbol": "BTCUSDT", "pnl": 1.0}),
                ("PUT", "/api/v1/thresholds/ada", {"thresholds": {"rsi_threshold": 60}}),
            )
        ]

        assert {answer.status_code for answer in answers} == {400}
        assert {answer.json()["errors"][0]["path"] for answer in answers} == {"X-Test-Time"}
        assert all_pages(service, "/api/v1/decisions/ada") == []
        assert all_pages(service, "/api/v1/outcomes/ada") == []


class Idle:
    """Parts of a worker that is not stopping."""

    def stopping(self) -> bool:
        return False

    def simulated_ms(self) -> int:
        return 0


def moment(now_ms: int) -> dict[str, str]:
    return {"X-Test-Time": str(now_ms)}


def shown(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{now_ms % 1000:03d}Z"


def post(service: Service, path: str, body: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    answer = service.client.post(path, json=body, headers=moment(now_ms))
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def put_once(service: Service, user: str, rsi: float, now_ms: int) -> tuple[int, bytes]:
    answer = service.client.put(
        f"/api/v1/thresholds/{user}",
        json={"thresholds": {"rsi_threshold": rsi}},
        headers={**moment(now_ms), "Idempotency-Key": f"the-only-one-of-{user}"},
    )
    return answer.status_code, answer.content


def all_pages(service: Service, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        answer = service.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()["data"]
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
