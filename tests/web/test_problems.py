"""Whatever is wrong with a request is a problem body with its status: never HTML, never a trace."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.web.desk import ADMIN, SIGNAL, Desk, opened, problem_of

EVALUATE = "/api/v1/evaluate/ada"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1/evaluate", "/api/v1/evaluate/ada/bob/eve", "//health"])
def test_an_unknown_route_is_not_found(desk: Desk, path: str) -> None:
    assert desk.problem(404, "POST", path, SIGNAL)["code"] == "not_found"


@pytest.mark.parametrize(("method", "path"), [("GET", EVALUATE), ("DELETE", "/health"), ("PATCH", "/api/v1/stats")])
def test_a_method_that_a_route_does_not_know_is_named(desk: Desk, method: str, path: str) -> None:
    answer = desk.call(method, path)

    assert problem_of(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["Allow"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx", "json"])
def test_a_body_that_does_not_say_it_is_json_is_unsupported(desk: Desk, media: str) -> None:
    assert desk.problem(415, "POST", EVALUATE, SIGNAL, media=media)["code"] == "unsupported_media_type"


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_may_say_so_in_several_ways(desk: Desk, media: str) -> None:
    assert desk.call("POST", EVALUATE, SIGNAL, media=media).status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b'{"signal": }',
        b"{'signal': 1}",
        b'{"a": 1,}',
        b"\xff\xfe",
        b'{"symbol": "\xc3\x28"}',
        b'{"symbol": "\\ud800"}',
        b"[" * 1000 + b"]" * 1000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"rsi": 1' + b"0" * 5000 + b"}",
        b"null",
        b"\x00",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(desk: Desk, raw: bytes) -> None:
    problem = desk.problem(400, "POST", EVALUATE, raw=raw)

    assert problem["code"] == "invalid_input"
    assert problem["errors"]


def test_brackets_inside_a_text_are_no_nesting(desk: Desk) -> None:
    signal = {**SIGNAL, "note": "[{" * 200 + '"\\"'}

    assert desk.call("POST", EVALUATE, signal).status_code == 200


def test_nesting_up_to_the_limit_is_fine(desk: Desk) -> None:
    deep: Any = 1
    for _ in range(60):
        deep = [deep]

    assert desk.call("POST", EVALUATE, {**SIGNAL, "note": deep}).status_code == 200


@pytest.mark.parametrize(("path", "limit"), [(EVALUATE, 262_144), (f"{EVALUATE}/batch", 1_048_576)])
def test_a_body_over_its_limit_is_too_large(desk: Desk, path: str, limit: int) -> None:
    raw = b'{"signal": {}, "note": "' + b"x" * limit + b'"}'

    assert desk.problem(413, "POST", path, raw=raw)["code"] == "too_large"


def test_a_body_just_under_its_limit_is_read(desk: Desk) -> None:
    start, end = orjson.dumps(SIGNAL)[:-1] + b', "note": "', b'"}'
    raw = start + b"x" * (262_144 - len(start) - len(end)) + end

    assert len(raw) == 262_144
    assert desk.call("POST", EVALUATE, raw=raw).status_code == 200


def test_a_body_shorter_than_it_says_is_refused(desk: Desk, user: str) -> None:
    answer = desk.app.test_client().open(
        f"/api/v1/evaluate/{user}",
        method="POST",
        data=orjson.dumps(SIGNAL),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "5000"},
    )

    problem_of(answer, 400)
    assert desk.stored_decisions(user) == []


@pytest.mark.parametrize("name", ["a%20b", "%00", "ä", "*", "x" * 129, "%0a"])
def test_a_user_id_of_another_form_is_refused(desk: Desk, name: str) -> None:
    problem = desk.problem(400, "POST", f"/api/v1/evaluate/{name}", SIGNAL)

    assert [one["path"] for one in problem["errors"]] == ["user_id"]


@pytest.mark.parametrize("name", ["ada", "a@b.c", "tg:12345", "x" * 128, "1", "%7Eada"])
def test_user_ids_may_look_like_this(desk: Desk, name: str) -> None:
    assert desk.call("POST", f"/api/v1/evaluate/{name}", SIGNAL).status_code == 200


def test_an_unexpected_error_is_told_without_its_inside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the inside of the matter")

    monkeypatch.setattr(desk.process.parts.store, "read", broken)

    problem = desk.problem(500, "GET", "/api/v1/decisions/ada")

    assert "inside of the matter" not in str(problem)


# Request ids


def test_a_request_id_is_echoed(desk: Desk) -> None:
    answer = desk.call("GET", "/livez", headers={"X-Request-Id": "abc-123"})

    assert answer.headers["X-Request-Id"] == "abc-123"


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "ä"])
def test_without_a_usable_one_it_gets_a_new_one(desk: Desk, given: str | None) -> None:
    headers = {"X-Request-Id": given} if given is not None else {}

    made = [desk.call("GET", "/livez", headers=headers).headers["X-Request-Id"] for _ in range(2)]

    assert len(set(made)) == 2
    assert all(len(one) == 32 for one in made)


def test_requests_that_come_at_the_same_moment_each_get_an_id_of_their_own(desk: Desk) -> None:
    with interrupted_all_the_time(), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk.call("GET", "/livez"), range(400)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 400


@contextmanager
def interrupted_all_the_time() -> Iterator[None]:
    """Threads take turns after a few steps each, as they do by chance on a busy machine."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("GET", EVALUATE), ("POST", "/api/v1/evaluate/a b")])
def test_a_refusal_carries_the_request_id_as_well(desk: Desk, method: str, path: str) -> None:
    assert desk.call(method, path, headers={"X-Request-Id": "abc"}).headers["X-Request-Id"] == "abc"


# Virtual time


def test_a_request_may_bring_its_own_time_in_the_testing_environment(desk: Desk, user: str) -> None:
    answer = desk.evaluate(user, {"X-Test-Time": "1790000000123"})

    assert answer["evaluated_at"] == "2026-09-21T14:13:20.123Z"


def test_the_newest_time_that_a_request_brought_is_the_worker_s(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        heard = desk.process._page.mark("test_time")
        for given in (1_790_000_000_000, 1_790_000_090_000, 1_790_000_045_000):
            desk.evaluate("ada", {"X-Test-Time": str(given)})
        newest = heard.value()
        desk.problem(401, "GET", "/api/v1/decisions/ada", headers={"X-Test-Time": "1800000000000", "X-API-Key": "no"})

        assert (newest, heard.value()) == (1_790_000_090_000, 1_790_000_090_000)


@pytest.mark.parametrize("given", ["", "now", "-1", "1.5", "9" * 16])
def test_a_time_that_makes_no_sense_is_refused(desk: Desk, given: str) -> None:
    desk.problem(400, "POST", EVALUATE, SIGNAL, {"X-Test-Time": given})


# Where limits are tight


def test_a_caller_beyond_its_share_waits_but_evaluate_never_does(tmp_path: Path) -> None:
    with opened(tmp_path, RATE_LIMIT_PER_MINUTE="2") as desk:
        answers = [desk.call("GET", "/api/v1/decisions/ada") for _ in range(4)]
        decided = [desk.call("POST", EVALUATE, SIGNAL).status_code for _ in range(20)]
        alive = desk.call("GET", "/livez").status_code
        other = desk.call("GET", "/api/v1/decisions/ada", headers=ADMIN).status_code

    refused = answers[-1]
    assert problem_of(refused, 429)["code"] == "rate_limited"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert (set(decided), alive, other) == ({200}, 200, 200)


def test_outside_the_testing_environment_nobody_brings_their_own_time(tmp_path: Path) -> None:
    with opened(tmp_path, ENVIRONMENT="development") as desk:
        problem = desk.problem(400, "POST", EVALUATE, SIGNAL, {"X-Test-Time": "1790000000123"})
        heard = desk.process._page.mark("test_time").value()

    assert heard == 0
    assert "ENVIRONMENT=testing" in problem["error"]


def test_the_limit_of_a_body_is_a_setting(tmp_path: Path) -> None:
    with opened(tmp_path, MAX_REQUEST_SIZE="2048") as desk:
        desk.problem(413, "POST", EVALUATE, {**SIGNAL, "note": "x" * 2048})


def test_without_an_allow_list_no_other_site_may_read_answers(desk: Desk, tmp_path: Path) -> None:
    closed = desk.call("GET", "/health", headers={"Origin": "https://bot.example"})
    with opened(tmp_path, CORS_ORIGINS="https://bot.example") as other:
        listed = other.call("GET", "/health", headers={"Origin": "https://bot.example"})
        stranger = other.call("GET", "/health", headers={"Origin": "https://eve.example"})

    assert "Access-Control-Allow-Origin" not in closed.headers
    assert listed.headers["Access-Control-Allow-Origin"] == "https://bot.example"
    assert "Access-Control-Allow-Origin" not in stranger.headers
