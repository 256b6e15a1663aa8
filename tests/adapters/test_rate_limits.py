"""Requests a minute and caller: counted in Redis, or in the process when Redis is away."""

import time
from collections.abc import Iterator

import pytest

from ml_service.adapters.rate_limits import REDIS_PAUSE_SECONDS, Limiter, NoLimit
from tests.ports import free_port
from tests.servers import RedisServer
from tests.troubled_proxy import TroubledProxy


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def away() -> str:
    return f"redis://127.0.0.1:{free_port()}/0"


def refusals(limiter: Limiter, caller: str, times: int) -> list[bool]:
    return [limiter.hit(caller) is not None for _ in range(times)]


def early_in_the_minute() -> None:
    """Windows begin with the full minute: a test must not run over into the next one."""
    rest = 60 - time.time() % 60
    if rest < 3:
        time.sleep(rest + 0.05)


def test_the_share_of_a_minute_is_granted_and_no_more() -> None:
    early_in_the_minute()

    assert refusals(Limiter(3, None), "ada", 5) == [False, False, False, True, True]


def test_callers_have_shares_of_their_own() -> None:
    early_in_the_minute()
    limiter = Limiter(1, None)
    limiter.hit("ada")

    assert limiter.hit("bob") is None
    assert limiter.hit("ada") is not None


def test_a_refusal_says_how_long_to_wait() -> None:
    limiter = Limiter(1, None)
    limiter.hit("ada")
    limiter.hit("ada")

    wait_s = limiter.hit("ada")

    assert wait_s is not None
    assert 1 <= wait_s <= 61


def test_with_redis_all_processes_count_together(redis: RedisServer) -> None:
    early_in_the_minute()
    one, other = Limiter(3, redis.url), Limiter(3, redis.url)

    told = refusals(one, "together", 2) + refusals(other, "together", 2)

    assert told == [False, False, False, True]


def test_without_redis_each_process_counts_by_itself_and_turns_nobody_away_for_it() -> None:
    early_in_the_minute()

    assert refusals(Limiter(2, away()), "ada", 3) == [False, False, True]


def test_a_dead_redis_costs_time_once_and_not_each_time() -> None:
    limiter = Limiter(10_000, away())
    limiter.hit("ada")

    began = time.perf_counter()
    refusals(limiter, "ada", 100)

    assert time.perf_counter() - began < 1.0


def test_a_redis_that_is_frozen_costs_a_tenth_of_a_second_at_most(redis: RedisServer) -> None:
    limiter = Limiter(10_000, redis.url)
    limiter.hit("frozen")
    redis.pause()
    try:
        began = time.perf_counter()
        told = refusals(limiter, "frozen", 50)
        took = time.perf_counter() - began
    finally:
        redis.resume()

    assert not any(told)
    assert took < 2.0


def test_a_redis_that_answers_byte_by_byte_is_not_waited_for(redis: RedisServer) -> None:
    with TroubledProxy(redis.port, "trickle") as proxy:
        limiter = Limiter(10_000, f"redis://127.0.0.1:{proxy.port}/0")

        began = time.perf_counter()
        told = refusals(limiter, "trickled", 20)
        took = time.perf_counter() - began

    assert not any(told)
    assert took < 1.5


def test_redis_is_asked_again_after_a_pause(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    early_in_the_minute()
    limiter = Limiter(2, redis.url)
    redis.pause()
    try:
        limiter.hit("later")
    finally:
        redis.resume()
    other = Limiter(2, redis.url)
    refusals(other, "later", 2)
    assert limiter.hit("later") is None

    later = time.monotonic() + REDIS_PAUSE_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert limiter.hit("later") is not None


def test_no_limit_never_refuses() -> None:
    assert NoLimit().hit("anybody") is None
