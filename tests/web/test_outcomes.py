"""Outcomes over HTTP: one or a list, each stored before the answer, each once."""

import threading
from typing import Any
from urllib.parse import quote

import pytest

from tests.web.desk import Desk

OUTCOME: dict[str, Any] = {"trade_id": "t-1", "symbol": "BTC/USDT", "pnl": 12.5, "pnl_percent": 1.25}


def report(desk: Desk, user: str, **fields: Any) -> Any:
    return desk.data("POST", f"/api/v1/outcomes/{user}", {**OUTCOME, **fields})


def statuses(answer: Any) -> list[str]:
    return [one["status"] for one in answer["results"]]


# One


def test_an_outcome_is_stored_before_it_is_answered(desk: Desk, user: str) -> None:
    answer = report(desk, user)

    assert (answer["status"], answer["stored"], answer["duplicate"]) == ("created", "database", False)
    assert (answer["symbol"], answer["quarantined"], answer["accepted"]) == ("BTCUSDT", None, True)
    assert [one["trade_id"] for one in desk.stored_outcomes(user)] == ["t-1"]


def test_a_repeat_returns_the_first_data_as_a_duplicate(desk: Desk, user: str) -> None:
    first = report(desk, user)

    again = report(desk, user)

    assert (again["status"], again["duplicate"]) == ("duplicate", True)
    changed = {"status", "duplicate"}
    assert {name: again[name] for name in again if name not in changed} == {
        name: first[name] for name in first if name not in changed
    }


def test_another_content_under_the_same_id_is_a_conflict_and_the_first_is_kept(desk: Desk, user: str) -> None:
    report(desk, user)

    problem = desk.problem(409, "POST", f"/api/v1/outcomes/{user}", {**OUTCOME, "pnl": -1})

    assert problem["code"] == "trade_id_conflict"
    assert [one["pnl"] for one in desk.stored_outcomes(user)] == [12.5]


def test_an_implausible_outcome_is_stored_and_set_apart_with_its_reason(desk: Desk, user: str) -> None:
    answer = report(desk, user, pnl_percent=-1e6)

    assert (answer["status"], answer["quarantined"]) == ("quarantined", "pnl_percent_implausible")
    assert answer["pnl_percent"] == -1e6
    found = desk.data("GET", f"/api/v1/outcomes/{user}?kind=quarantined")["items"]
    assert [one["trade_id"] for one in found] == ["t-1"]


def test_an_outcome_from_the_future_or_of_old_is_set_apart(desk: Desk, user: str) -> None:
    future = report(desk, user, trade_id="f", closed_at="2099-01-01T00:00:00Z")
    old = report(desk, user, trade_id="o", closed_at="2001-01-01T00:00:00Z")
    history = report(desk, user, trade_id="h", closed_at="2001-01-01T00:00:00Z", source="import")

    assert (future["quarantined"], old["quarantined"], history["quarantined"]) == ("from_the_future", "too_old", None)


def test_an_outcome_finds_its_decision(desk: Desk, user: str) -> None:
    decided = desk.evaluate(user)

    named = report(desk, user, decision_id=decided["decision_id"])
    near = report(desk, user, trade_id="t-2", side="buy", opened_at=decided["evaluated_at"])

    assert (named["decision_id"], named["matched_by"]) == (decided["decision_id"], "decision_id")
    assert (near["decision_id"], near["matched_by"]) == (decided["decision_id"], "nearest")
    assert report(desk, user, trade_id="t-3")["matched_by"] is None


def test_profit_is_worked_out_from_prices(desk: Desk, user: str) -> None:
    given = {"pnl": None, "pnl_percent": None, "exit_price": 110, "entry_price": 100, "quantity": 2, "side": "BUY"}

    answer = report(desk, user, fees=1, risk=10, **given)

    assert (answer["pnl"], answer["pnl_percent"], answer["r"]) == (19.0, 9.5, 1.9)


def test_a_rejected_signal_that_was_marked_to_market_is_kept_apart(desk: Desk, user: str) -> None:
    report(desk, user, accepted=False)
    report(desk, user, trade_id="t-2")

    rejected = desk.data("GET", f"/api/v1/outcomes/{user}?kind=rejected")["items"]

    assert [(one["trade_id"], one["accepted"]) for one in rejected] == [("t-1", False)]


def test_times_are_kept_in_utc(desk: Desk, user: str) -> None:
    answer = report(desk, user, opened_at="2026-11-20T12:00:00+02:00", closed_at="2026-11-20T10:30:00.250Z")

    assert (answer["opened_at"], answer["closed_at"]) == ("2026-11-20T10:00:00.000Z", "2026-11-20T10:30:00.250Z")


def test_unknown_fields_are_named(desk: Desk, user: str) -> None:
    assert report(desk, user, venue="x")["ignored_fields"] == ["venue"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"trade_id": None}, "trade_id"),
        ({"trade_id": ""}, "trade_id"),
        ({"trade_id": "x" * 129}, "trade_id"),
        ({"trade_id": "a\u0000b"}, "trade_id"),
        ({"symbol": None}, "symbol"),
        ({"pnl": "12"}, "pnl"),
        ({"pnl": None, "pnl_percent": None}, "pnl"),
        ({"pnl": None, "pnl_percent": None, "exit_price": 5}, "side"),
        ({"entry_price": 0}, "entry_price"),
        ({"quantity": -1}, "quantity"),
        ({"risk": 0}, "risk"),
        ({"side": "UP"}, "side"),
        ({"accepted": "yes"}, "accepted"),
        ({"closed_at": "yesterday"}, "closed_at"),
        ({"closed_at": "2026-01-01T00:00:00"}, "closed_at"),
        ({"closed_at": 1_700_000_000}, "closed_at"),
        ({"opened_at": "2026-01-02T00:00:00Z", "closed_at": "2026-01-01T00:00:00Z"}, "closed_at"),
        ({"decision_id": "a b"}, "decision_id"),
        ({"source": "trades_table"}, "source"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(desk: Desk, user: str, fields: dict[str, Any], path: str) -> None:
    problem = desk.problem(400, "POST", f"/api/v1/outcomes/{user}", {**OUTCOME, **fields})

    assert path in [one["path"] for one in problem["errors"]]
    assert desk.stored_outcomes(user) == []


@pytest.mark.parametrize("token", [b"NaN", b"Infinity", b"1e999"])
def test_what_is_no_finite_number_is_refused(desk: Desk, user: str, token: bytes) -> None:
    raw = b'{"trade_id": "t", "symbol": "BTCUSDT", "pnl": ' + token + b"}"

    desk.problem(400, "POST", f"/api/v1/outcomes/{user}", raw=raw)

    assert desk.stored_outcomes(user) == []


# Corrections


def test_a_correction_says_what_it_puts_right_and_the_original_what_took_its_place(desk: Desk, user: str) -> None:
    report(desk, user)

    answer = report(desk, user, trade_id="t-2", pnl=-3, corrects="t-1")

    assert (answer["corrects"], answer["waiting_for"], answer["superseded_by"]) == ("t-1", None, None)
    (superseded,) = desk.data("GET", f"/api/v1/outcomes/{user}?kind=superseded")["items"]
    assert (superseded["trade_id"], superseded["superseded_by"]) == ("t-1", "t-2")


def test_a_correction_that_comes_first_says_what_it_waits_for(desk: Desk, user: str) -> None:
    first = report(desk, user, trade_id="t-2", corrects="t-1")

    original = report(desk, user)

    assert (first["waiting_for"], original["superseded_by"]) == ("t-1", "t-2")
    assert [one["waiting_for"] for one in desk.stored_outcomes(user)] == [None, None]


def test_a_second_correction_is_a_conflict_and_stores_nothing(desk: Desk, user: str) -> None:
    report(desk, user)
    report(desk, user, trade_id="t-2", corrects="t-1")

    problem = desk.problem(409, "POST", f"/api/v1/outcomes/{user}", {**OUTCOME, "trade_id": "t-3", "corrects": "t-1"})

    assert problem["code"] == "correction_conflict"
    assert "'t-2'" in problem["detail"]
    assert {one["trade_id"] for one in desk.stored_outcomes(user)} == {"t-1", "t-2"}


def test_in_a_list_a_refused_correction_says_why(desk: Desk, user: str) -> None:
    items = [OUTCOME, {**OUTCOME, "trade_id": "t-2", "symbol": "ETHUSDT", "corrects": "t-1"}]

    refused = desk.data("POST", f"/api/v1/outcomes/{user}", items)["results"][1]

    assert (refused["status"], refused["stored"], refused["trade_id"]) == ("conflict", None, "t-2")
    assert "expected the symbol of 't-1', BTCUSDT" in refused["error"]


def test_an_outcome_does_not_correct_itself(desk: Desk, user: str) -> None:
    problem = desk.problem(400, "POST", f"/api/v1/outcomes/{user}", {**OUTCOME, "corrects": "t-1"})

    assert [one["path"] for one in problem["errors"]] == ["corrects"]


# Quarantine


def quarantined(desk: Desk, user: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.data("GET", f"/api/v1/outcomes/{user}/quarantine{query}")["items"]
    return found


def test_what_waits_in_quarantine_is_told_with_what_was_expected_and_found(desk: Desk, user: str) -> None:
    report(desk, user)
    report(desk, user, trade_id="odd", pnl_percent=-5000)
    report(desk, user, trade_id="late", symbol="ETHUSDT", closed_at="2099-01-01T00:00:00Z")

    waiting = {one["trade_id"]: one["doubt"] for one in quarantined(desk, user)}

    assert waiting == {
        "odd": {"field": "pnl_percent", "expected": "at most 100 either way", "found": -5000.0},
        "late": {
            "field": "closed_at",
            "expected": "at most 60 s after received_at",
            "found": "2099-01-01T00:00:00.000Z",
        },
    }
    assert [one["trade_id"] for one in quarantined(desk, user, "?symbol=ETHUSDT")] == ["late"]
    assert [one["trade_id"] for one in quarantined(desk, user, "?until=2098-01-01T00:00:00Z")] == ["odd"]


def test_what_was_released_waits_no_longer(desk: Desk, user: str) -> None:
    report(desk, user, pnl_percent=-5000)
    path = f"/api/v1/outcomes/{user}/quarantine/t-1/release"

    told = desk.data("POST", path, {"reason": "seen"})
    again = desk.data("POST", path, {"reason": "seen again"})

    assert told["quarantined"] == "pnl_percent_implausible"
    assert told["released_at"] is not None
    assert again == told
    assert quarantined(desk, user) == []
    (entry,) = [
        one for one in desk.admin("GET", "/api/v1/admin/audit?limit=1000")["items"] if one["subject"] == f"{user}/t-1"
    ]
    assert (entry["action"], entry["details"]["reason"]) == ("outcome.released", "seen")


def test_a_release_says_why_and_what_is_there(desk: Desk, user: str) -> None:
    report(desk, user)
    path = f"/api/v1/outcomes/{user}/quarantine"

    for body in ({}, {"reason": ""}, {"reason": 5}):
        problem = desk.problem(400, "POST", f"{path}/t-1/release", body)
        assert [one["path"] for one in problem["errors"]] == ["reason"]
    assert desk.problem(409, "POST", f"{path}/t-1/release", {"reason": "x"})["code"] == "not_quarantined"
    assert desk.problem(404, "POST", f"{path}/t-9/release", {"reason": "x"})["code"] == "not_found"


@pytest.mark.parametrize("name", ["BTC/USDT 7", "quarantine/x/release", "a b/c?d=1", "..", "50%"])
def test_whatever_a_trade_is_called_it_can_be_released_and_matched(desk: Desk, user: str, name: str) -> None:
    decided = desk.evaluate(user)
    report(desk, user, trade_id=name, pnl_percent=-5000, symbol=decided["symbol"])
    path = f"/api/v1/outcomes/{user}"

    released = desk.data("POST", f"{path}/quarantine/{quote(name, safe='')}/release", {"reason": "seen"})
    matched = desk.data("POST", f"{path}/{quote(name, safe='')}/match", {"decision_id": decided["decision_id"]})

    assert (released["trade_id"], matched["trade_id"]) == (name, name)
    assert (matched["matched_by"], matched["released_at"]) == ("declared", released["released_at"])


# Declared


def test_somebody_says_which_decision_an_outcome_belongs_to(desk: Desk, user: str) -> None:
    decided, other = desk.evaluate(user), desk.evaluate(user)
    report(desk, user, symbol=decided["symbol"])
    path = f"/api/v1/outcomes/{user}/t-1/match"

    told = desk.data("POST", path, {"decision_id": decided["decision_id"], "reason": "from the log"})
    again = desk.data("POST", path, {"decision_id": decided["decision_id"]})

    assert (told["decision_id"], told["matched_by"]) == (decided["decision_id"], "declared")
    assert again == told
    assert desk.data("GET", f"/api/v1/outcomes/{user}?kind=unmatched")["items"] == []
    assert desk.problem(409, "POST", path, {"decision_id": other["decision_id"]})["code"] == "match_conflict"
    assert desk.problem(404, "POST", path, {"decision_id": "nobody"})["code"] == "not_found"
    desk.problem(400, "POST", path, {})


# A list


def test_a_list_has_a_result_per_item_with_all_five_fates(desk: Desk, user: str) -> None:
    report(desk, user, trade_id="known")
    report(desk, user, trade_id="other")
    items = [
        {**OUTCOME, "trade_id": "new"},
        {**OUTCOME, "trade_id": "known"},
        {**OUTCOME, "trade_id": "other", "pnl": -1},
        {**OUTCOME, "trade_id": "bad", "pnl": "x"},
        {**OUTCOME, "trade_id": "odd", "pnl_percent": 5000},
    ]

    answer = desk.data("POST", f"/api/v1/outcomes/{user}", {"outcomes": items})

    assert statuses(answer) == ["created", "duplicate", "conflict", "invalid", "quarantined"]
    assert [one["index"] for one in answer["results"]] == list(range(5))
    assert [one["path"] for one in answer["results"][3]["errors"]] == ["pnl"]
    assert answer["results"][2]["pnl"] == 12.5
    stored = {one["trade_id"] for one in desk.stored_outcomes(user)}
    assert stored == {"known", "other", "new", "odd"}


def test_a_bare_array_is_a_list_as_well(desk: Desk, user: str) -> None:
    answer = desk.data("POST", f"/api/v1/outcomes/{user}", [OUTCOME, OUTCOME, "text"])

    assert statuses(answer) == ["created", "duplicate", "invalid"]


def test_a_result_that_cannot_be_worked_out_is_invalid_alone(desk: Desk, user: str) -> None:
    items = [{"trade_id": "a", "symbol": "X", "exit_price": 5}, OUTCOME]

    assert statuses(desk.data("POST", f"/api/v1/outcomes/{user}", items)) == ["invalid", "created"]


def test_a_list_of_wrong_ones_is_answered_all_the_same(desk: Desk, user: str) -> None:
    assert statuses(desk.data("POST", f"/api/v1/outcomes/{user}", [None, 5])) == ["invalid", "invalid"]


def test_a_thousand_outcomes_at_once_are_stored(desk: Desk, user: str) -> None:
    items = [{**OUTCOME, "trade_id": f"t-{number}", "pnl": number} for number in range(1000)]

    answer = desk.data("POST", f"/api/v1/outcomes/{user}", items)

    assert set(statuses(answer)) == {"created"}
    assert sum(one["pnl"] for one in desk.data("GET", f"/api/v1/outcomes/{user}?limit=1000")["items"]) == 499_500


@pytest.mark.parametrize("body", [[], {"outcomes": []}, {"outcomes": [OUTCOME], "more": 1}, "text", 5, None])
def test_what_is_no_list_is_refused(desk: Desk, user: str, body: Any) -> None:
    import orjson

    desk.problem(400, "POST", f"/api/v1/outcomes/{user}", raw=orjson.dumps(body))


def test_more_than_a_thousand_are_refused_whole(desk: Desk, user: str) -> None:
    items = [{**OUTCOME, "trade_id": f"t-{number}"} for number in range(1001)]

    desk.problem(400, "POST", f"/api/v1/outcomes/{user}", items)

    assert desk.stored_outcomes(user) == []


def test_many_callers_with_one_trade_count_it_once(desk: Desk, user: str) -> None:
    told: list[str] = []

    def storm() -> None:
        told.extend(report(desk, user)["status"] for _ in range(10))

    threads = [threading.Thread(target=storm) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told) == ["created"] + ["duplicate"] * 59
    assert len(desk.stored_outcomes(user)) == 1


# Reading


def test_outcomes_are_paged_newest_first(desk: Desk, user: str) -> None:
    items = [{**OUTCOME, "trade_id": f"t-{number}", "closed_at": f"2026-11-20T10:0{number}:00Z"} for number in range(5)]
    desk.data("POST", f"/api/v1/outcomes/{user}", items)

    first = desk.data("GET", f"/api/v1/outcomes/{user}?limit=3")
    second = desk.data("GET", f"/api/v1/outcomes/{user}?limit=3&cursor={first['next_cursor']}")

    assert [one["trade_id"] for one in first["items"] + second["items"]] == ["t-4", "t-3", "t-2", "t-1", "t-0"]
    assert second["next_cursor"] is None


def test_outcomes_are_narrowed_by_time_and_symbol(desk: Desk, user: str) -> None:
    report(desk, user, trade_id="a", closed_at="2026-11-20T10:00:00Z")
    report(desk, user, trade_id="b", closed_at="2026-11-20T11:00:00Z", symbol="ETHUSDT")

    def found(query: str) -> list[str]:
        return [one["trade_id"] for one in desk.data("GET", f"/api/v1/outcomes/{user}?{query}")["items"]]

    assert found("symbol=eth/usdt") == ["b"]
    assert found("since=2026-11-20T11:00:00Z") == ["b"]
    assert found("until=2026-11-20T11:00:00Z") == ["a"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "cursor=x", "kind=odd", "since=now", "symbol=a%20b", "unknown=1"],
)
def test_a_wrong_question_is_refused(desk: Desk, user: str, query: str) -> None:
    desk.problem(400, "GET", f"/api/v1/outcomes/{user}?{query}")
