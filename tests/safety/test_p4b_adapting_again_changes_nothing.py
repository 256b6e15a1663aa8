"""P4b: adapting again without new outcomes changes nothing, however often, from wherever, and whoever is killed."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ports import is_free
from tests.safety.bots import BTC, BY_HAND, DAY_MS, ETH, Bot, assert_audit_holds, evening, marked_in, moment, scope_in
from tests.safety.callers import query, store_of, until
from tests.servers import PostgresServer
from tests.service import ROOT, Service

ADMIN_KEY = "the-admin-key-of-this-test"
KEYS = {"ML_SERVICE_ADMIN_KEY": ADMIN_KEY, "ML_SERVICE_TRUSTED_NETWORK": "127.0.0.0/8"}
DAYS = range(30)
LAST = DAYS[-1]


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Embedded, or with two web workers on PostgreSQL; each test has users of its own."""
    more: dict[str, str] = {}
    if request.param == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        more = {"DATABASE_URL": postgres.create_database("adapting_again", template="migrated"), "WORKERS": "2"}
    with Service(tmp_path_factory.mktemp("adapting"), "run", None, **KEYS, **BY_HAND, **more) as running:
        yield running


def test_sixty_calls_equal_one(either: Service) -> None:
    bot = Bot(either, "patient")
    bot.trade(DAYS)
    first = bot.adapt(evening(LAST))
    once = everything_learned(either)

    again = [bot.adapt(evening(LAST) + number * DAY_MS // 20) for number in range(60)]

    assert first["adaptation_id"] is not None
    assert {one["adaptation_id"] for one in again} == {None}
    assert {one["revision"] for one in again} == {first["revision"]}
    assert all(one["thresholds"] == first["thresholds"] for one in again)
    assert everything_learned(either) == once
    assert_learned_once(either, bot)


def test_eight_at_once_from_several_processes_equal_one(either: Service) -> None:
    bot = Bot(either, "eager")
    bot.trade(DAYS)
    barrier = threading.Barrier(8)

    def together(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    calls: Sequence[Callable[[], Any]] = [
        *[lambda: one_call(either, bot.path("adapt"), {"symbol": BTC})] * 5,
        *[lambda: one_call(either, "/adapt?wait=20", {})] * 2,
        lambda: from_the_command_line(either, bot.user),
    ]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(together, calls))
    assert_answered(told)
    bot.adapt(evening(LAST + 1))

    scope = scope_in(either, bot.user)
    assert scope.head == 1
    assert_learned_once(either, bot)


def test_a_bot_that_asks_for_ten_symbols_at_once_is_turned_away_from_none(either: Service) -> None:
    bot = Bot(either)
    symbols = [f"COIN{number}USDT" for number in range(10)]
    for symbol in symbols:
        bot.trade(DAYS, symbol)

    with ThreadPoolExecutor(len(symbols)) as pool:
        told = list(pool.map(lambda symbol: one_call(either, bot.path("adapt"), {"symbol": symbol}), symbols))

    assert [answer.status_code for answer in told] == [200] * len(symbols)


def test_a_storm_of_a_hundred_leaves_one_adaptation_for_each_piece_of_evidence(either: Service) -> None:
    bots = [Bot(either, user) for user in ("ada", "bob")]
    for bot in bots:
        for symbol in (BTC, ETH):
            bot.trade(DAYS, symbol)
    paths = [(bot.path("adapt"), {"symbol": symbol}) for bot in bots for symbol in (BTC, ETH, "*")]
    calls = [*paths * 16, *[("/adapt", {}), ("/api/v1/adapt-all", {"limit": 3})] * 2]
    random.Random(3).shuffle(calls)

    with ThreadPoolExecutor(len(calls)) as pool:
        told = list(pool.map(lambda one: one_call(either, *one), calls))
    assert len(told) == 100
    assert_answered(told)
    assert sum(answer.is_success for answer in told) >= len(paths)

    # Those that were turned away try again, as they are told to.
    for path, body in paths:
        until(partial(is_done, either, path, body), 20.0, "adapted")
    until(lambda: no_job_waits(either), 20.0, "done with all jobs")
    for bot in bots:
        for symbol in (BTC, ETH, "*"):
            scope = scope_in(either, bot.user, symbol)
            scope.assert_consistent()
            assert scope.head <= 1
        assert_learned_once(either, bot, (BTC, ETH))
    assert_audit_holds(store_of(either))


def test_taking_back_while_others_adapt_set_and_freeze_leaves_one_chain(either: Service) -> None:
    bot = Bot(either, "torn")
    bot.trade(range(25))
    for day in range(25, 31):
        bot.trade(range(day, day + 1))
        latest = bot.told("GET", bot.path(f"adaptations?limit=1&symbol={BTC}"))["items"]
        undo = bot.path(f"adaptations/{latest[0]['adaptation_id'] if latest else 'none'}/undo")
        calls: list[tuple[str, dict[str, Any]]] = [
            *[(bot.path("adapt"), {"symbol": BTC})] * 4,
            *[(undo, {})] * 3,
            (bot.path("freeze"), {"symbol": BTC}),
            (bot.path("unfreeze"), {"symbol": BTC}),
            # Brings the values of before back, and lays the library anew.
            *[(bot.path("restore"), {"symbol": BTC, "revision": 1})] * (day % 3 == 0),
        ]
        random.Random(day).shuffle(calls)
        with ThreadPoolExecutor(len(calls)) as pool:
            told = [pool.submit(one_call, either, path, body, evening(day)) for path, body in calls]
        assert {one.result().status_code for one in told} <= {200, 404, 409, 503}
        scope_in(either, bot.user).assert_consistent()
        bot.told("POST", bot.path("unfreeze"), {"symbol": BTC})

    undone = [one["revision"] for one in bot.history() if one["source"] == "undo"]
    told_of = [one["undone_by_revision"] for one in bot.told("GET", bot.path("adaptations?limit=100"))["items"]]
    assert undone == [revision for revision in told_of if revision is not None]
    assert_audit_holds(store_of(either))


@pytest.mark.parametrize(
    ("kind", "rounds"),
    [
        ("sqlite", 2),
        pytest.param("sqlite", 40, marks=[pytest.mark.long, pytest.mark.timeout(1200)]),
        pytest.param("postgres", 40, marks=[pytest.mark.long, pytest.mark.timeout(1200)]),
    ],
)
def test_what_is_known_is_what_is_marked_whenever_everything_is_killed(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, rounds: int
) -> None:
    more = {}
    if kind == "postgres":
        more = {"DATABASE_URL": request.getfixturevalue("postgres_url"), "WORKERS": "2"}
    with Service(tmp_path, "run", None, **KEYS, **BY_HAND, **more) as service:
        strict, fickle = Bot(service, "ada"), Bot(service, "eve")
        begin = 14
        for bot in (strict, fickle):
            for symbol in (BTC, ETH):
                bot.trade(range(begin), symbol)
        for day in range(begin, begin + rounds):
            for symbol in (BTC, ETH):
                strict.trade(range(day, day + 1), symbol)
            fickle.trade(range(day, day + 1))
            killed_while_adapting(service, strict, fickle, day)
            for bot, symbol in ((strict, BTC), (strict, ETH), (strict, "*"), (fickle, BTC)):
                scope = scope_in(service, bot.user, symbol)
                scope.assert_consistent()
                assert bot is fickle or scope.known == scope.marked
            service.start()

        for symbol in (BTC, ETH, "*"):
            strict.adapt(evening(begin + rounds), symbol)
        assert_learned_once(service, strict, (BTC, ETH))
        assert_audit_holds(store_of(service))
        assert strict.thresholds()["revision"] == scope_in(service).head


def killed_while_adapting(service: Service, strict: Bot, fickle: Bot, day: int) -> None:
    """Everybody adapts, one takes it back again and again; in the midst of it every process is killed."""
    # Half of the kills fall into the first of the cycles.
    patience = random.choice([0.05, 0.2])
    over = threading.Event()

    def keep_on(call: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=service.url, timeout=5.0, headers=moment(evening(day))) as client:
            while not over.is_set():
                try:
                    call(client)
                except httpx.HTTPError:
                    return

    def take_back(client: httpx.Client) -> None:
        items = client.get(fickle.path("adaptations?limit=1")).json()["data"]["items"]
        for one in items:
            client.post(fickle.path(f"adaptations/{one['adaptation_id']}/undo"), json={})

    def adapting(bot: Bot, symbol: str) -> Callable[[httpx.Client], None]:
        def call(client: httpx.Client) -> None:
            client.post(bot.path("adapt"), json={"symbol": symbol})

        return call

    work = [adapting(strict, BTC), adapting(strict, ETH), adapting(strict, "*"), adapting(fickle, BTC), take_back]
    threads = [threading.Thread(target=keep_on, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    time.sleep(random.uniform(0.0, patience))
    service.kill()
    over.set()
    for thread in threads:
        thread.join()
    until(lambda: is_free(service.port), 5.0, "ended to the last process")


def one_call(service: Service, path: str, body: dict[str, Any], now_ms: int = evening(LAST)) -> httpx.Response:
    headers = {"X-Admin-Key": ADMIN_KEY, **moment(now_ms)}
    return service.ask_anew("POST", path, json=body, headers=headers, timeout=60.0)


def is_done(service: Service, path: str, body: dict[str, Any]) -> bool:
    return one_call(service, path, body).is_success


def from_the_command_line(service: Service, user: str) -> httpx.Response:
    """As an answer: no trouble is 200."""
    done = subprocess.run(
        [sys.executable, "-m", "ml_service", "adapt", "--user", user, "--symbol", BTC],
        cwd=ROOT,
        env=service._variables(),
        capture_output=True,
        timeout=60,
    )
    return httpx.Response(200 if done.returncode == 0 else 500, text=done.stderr.decode())


def assert_answered(told: Sequence[httpx.Response]) -> None:
    for answer in told:
        assert answer.status_code in (200, 202, 409, 503), answer.text
        assert answer.status_code != 503 or int(answer.headers["Retry-After"]) > 0


def no_job_waits(service: Service) -> bool:
    return not query(store_of(service), "SELECT id FROM jobs WHERE state IN ('waiting', 'running')")


def assert_learned_once(service: Service, bot: Bot, symbols: Sequence[str] = (BTC,)) -> None:
    """All that was reported is marked, and what each learner has observed is exactly that."""
    total = 0
    for symbol in symbols:
        scope = scope_in(service, bot.user, symbol)
        scope.assert_consistent()
        assert scope.known == scope.marked
        total += scope.marked
    assert total == bot.reported
    assert scope_in(service, bot.user, "*").known == len(marked_in(store_of(service), bot.user, "*"))


def everything_learned(service: Service) -> list[list[Any]]:
    """But for when a scope was last asked, and the sentence it was told then."""
    url = store_of(service)
    return [
        query(url, "SELECT user_id, symbol, state, held_until_ms, frozen FROM learners ORDER BY user_id, symbol"),
        query(url, "SELECT * FROM thresholds ORDER BY user_id, symbol, revision"),
        query(url, "SELECT * FROM adaptations ORDER BY id"),
        query(url, "SELECT id, learned_at_ms, pooled_at_ms, percent_per_r FROM outcomes ORDER BY id"),
        query(url, "SELECT sequence, hash FROM audit ORDER BY sequence"),
    ]
