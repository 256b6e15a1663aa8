"""What the operator may do: keys, the audit trail, stats."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.desk import ADMIN, SIGNAL, Desk, opened


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Without a trusted network: every call needs a key."""
    with opened(tmp_path_factory.mktemp("keys"), ML_SERVICE_TRUSTED_NETWORK="") as started:
        yield started


def make(desk: Desk, user: str, scope: str = "user", **fields: Any) -> Any:
    body = {"scope": scope, "users": [user], "name": f"of {user}", **fields}
    return desk.admin("POST", "/api/v1/admin/keys", body, status=201)


def evaluates(desk: Desk, user: str, key: str) -> int:
    return desk.call("POST", f"/api/v1/evaluate/{user}", {"signal": SIGNAL}, {"X-API-Key": key}).status_code


# Keys


def test_a_new_key_opens_at_once_and_only_for_its_user(desk: Desk, user: str) -> None:
    key = make(desk, user)["key"]

    assert evaluates(desk, user, key) == 200
    assert evaluates(desk, f"{user}-b", key) == 404


def test_the_secret_is_shown_once_and_never_again(desk: Desk, user: str) -> None:
    made = make(desk, user)
    secret = made["key"].rsplit("_", 1)[1]

    answer = desk.call("GET", "/api/v1/admin/keys", headers=ADMIN)

    assert made["id"] in answer.text
    assert secret not in answer.text
    assert "sha256" not in answer.text


def test_the_list_tells_what_each_key_opens_and_until_when(desk: Desk, user: str) -> None:
    made = make(desk, user, expires_at="2099-01-01T00:00:00Z")

    (found,) = [one for one in desk.admin("GET", "/api/v1/admin/keys")["items"] if one["id"] == made["id"]]

    assert (found["scope"], found["users"], found["live"], found["source"]) == ("user", [user], True, "database")
    assert found["expires_at"] == "2099-01-01T00:00:00.000Z"
    assert found["revoked_at"] is None


@pytest.mark.parametrize("by_query", [True, False])
def test_a_revoked_key_opens_nothing_any_more(desk: Desk, user: str, by_query: bool) -> None:
    made = make(desk, user)

    path = f"/api/v1/admin/keys?id={made['id']}" if by_query else f"/api/v1/admin/keys/{made['id']}"
    assert desk.admin("DELETE", path)["live"] is False

    assert evaluates(desk, user, made["key"]) == 401


def test_a_rotated_key_and_its_successor_both_open(desk: Desk, user: str) -> None:
    old = make(desk, user)

    new = desk.admin("POST", f"/api/v1/admin/keys/{old['id']}/rotate", status=201)

    assert new["id"] != old["id"]
    assert (evaluates(desk, user, old["key"]), evaluates(desk, user, new["key"])) == (200, 200)


def test_without_grace_the_old_key_ends_with_the_rotation(desk: Desk, user: str) -> None:
    old = make(desk, user)

    new = desk.admin("POST", f"/api/v1/admin/keys/{old['id']}/rotate", {"grace_hours": 0}, status=201)

    assert (evaluates(desk, user, old["key"]), evaluates(desk, user, new["key"])) == (401, 200)


def test_a_third_live_key_of_one_user_is_refused(desk: Desk, user: str) -> None:
    make(desk, user)
    make(desk, user)

    problem = desk.problem(409, "POST", "/api/v1/admin/keys", {"scope": "user", "users": [user]}, ADMIN)

    assert problem["code"] == "too_many_keys"


def test_a_service_key_opens_for_those_it_names(desk: Desk, user: str) -> None:
    key = make(desk, user, scope="service")["key"]

    assert evaluates(desk, user, key) == 200
    assert evaluates(desk, f"{user}-b", key) == 404
    desk.problem(403, "GET", "/api/v1/admin/keys", headers={"X-API-Key": key})


def test_a_cron_key_may_not_evaluate(desk: Desk, user: str) -> None:
    key = make(desk, user, scope="cron", users=None)["key"]

    assert evaluates(desk, user, key) == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scope": "root"},
        {"scope": "user"},
        {"scope": "user", "users": []},
        {"scope": "user", "users": ["a", "b"]},
        {"scope": "user", "users": ["a b"]},
        {"scope": "user", "users": "ada"},
        {"scope": "service", "expires_at": "2001-01-01T00:00:00Z"},
        {"scope": "service", "colour": "red"},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    before = len(desk.admin("GET", "/api/v1/admin/keys")["items"])

    desk.problem(400, "POST", "/api/v1/admin/keys", body, ADMIN)

    assert len(desk.admin("GET", "/api/v1/admin/keys")["items"]) == before


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/nobody"), ("POST", "/nobody/rotate"), ("DELETE", "?id=no")])
def test_a_key_that_is_not_there_is_not_found(desk: Desk, method: str, path: str) -> None:
    desk.problem(404, method, f"/api/v1/admin/keys{path}", headers=ADMIN)


def test_seeded_keys_open_are_listed_and_cannot_be_revoked_here(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('[{"id": "seed", "secret": "s3cret", "scope": "user", "users": ["ada"]}]')

    # Not while another process of this file counts under the same names: see opened().
    with opened(tmp_path, ML_SERVICE_TRUSTED_NETWORK="", ML_SERVICE_API_KEYS_FILE=str(file)) as other:
        status = evaluates(other, "ada", "mls_seed_s3cret")
        listed = other.admin("GET", "/api/v1/admin/keys")["items"]
        problem = other.problem(400, "DELETE", "/api/v1/admin/keys/seed", headers=ADMIN)

    assert status == 200
    assert [(one["id"], one["source"]) for one in listed] == [("seed", "file")]
    assert "keys file" in problem["error"]


# Audit


def test_the_audit_trail_is_paged_in_order(desk: Desk, user: str) -> None:
    for _ in range(2):
        make(desk, user)

    whole = desk.admin("GET", "/api/v1/admin/audit?limit=1000")
    first = desk.admin("GET", "/api/v1/admin/audit?limit=1")
    rest = desk.admin("GET", f"/api/v1/admin/audit?limit=1000&after={first['next_after']}")

    assert [one["sequence"] for one in whole["items"]] == list(range(1, len(whole["items"]) + 1))
    assert first["items"] + rest["items"] == whole["items"]
    assert whole["next_after"] is None


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=x", "until=1"])
def test_a_wrong_question_about_the_audit_is_refused(desk: Desk, query: str) -> None:
    desk.problem(400, "GET", f"/api/v1/admin/audit?{query}", headers=ADMIN)


# Stats


def test_stats_count_what_the_window_holds(desk: Desk, user: str) -> None:
    headers = {**ADMIN}
    before = desk.admin("GET", "/api/v1/stats")
    desk.evaluate(user, headers)
    desk.evaluate(user, headers, rsi=90)
    desk.evaluate(user, headers, action=None)
    desk.admin("POST", f"/api/v1/outcomes/{user}", {"trade_id": "t", "symbol": "X", "pnl": 1})

    after = desk.admin("GET", "/api/v1/stats")

    assert {name: after["decisions"][name] - before["decisions"][name] for name in after["decisions"]} == {
        "take": 1,
        "reject": 1,
        "abstain": 1,
        "total": 3,
    }
    assert after["outcomes"] - before["outcomes"] == 1
    assert {"events_waiting", "events_set_aside", "journal_conflicts", "snapshot", "since", "until"} <= set(after)


def test_stats_forget_what_lies_before_the_window(desk: Desk, user: str) -> None:
    desk.evaluate(user, {**ADMIN, "X-Test-Time": "1790000000000"})
    later = {**ADMIN, "X-Test-Time": str(1_790_000_000_000 + 2 * 3_600_000)}

    hour = desk.data("GET", "/api/v1/stats?hours_back=1", headers=later)
    three = desk.data("GET", "/api/v1/stats?hours_back=3", headers=later)

    assert three["decisions"]["total"] == hour["decisions"]["total"] + 1


@pytest.mark.parametrize("query", ["hours_back=0", "hours_back=-1", "hours_back=x", "hours_back=nan", "days=1"])
def test_a_wrong_question_about_stats_is_refused(desk: Desk, query: str) -> None:
    desk.problem(400, "GET", f"/api/v1/stats?{query}", headers=ADMIN)
