"""Exports over HTTP: whole tables, safe in a spreadsheet, in a place of their own until they are sent."""

import csv
import io
import time
from typing import Any

import orjson
import pyarrow
import pyarrow.parquet
import pytest
from werkzeug.test import TestResponse

from ml_service.domain.exports import TABLES
from ml_service.domain.outcomes import DAY_MS
from tests.web.desk import Desk, problem_of

KINDS = list(TABLES)
NOW_MS = time.time_ns() // 1_000_000


def iso(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms / 1000)) + f".{at_ms % 1000:03d}Z"


def report(desk: Desk, user: str, trade_id: str, pnl: float = 1.0, at_ms: int = NOW_MS, **fields: Any) -> None:
    body = {"trade_id": trade_id, "symbol": "BTCUSDT", "pnl": pnl, "closed_at": iso(at_ms), **fields}
    desk.data("POST", f"/api/v1/outcomes/{user}", body)


def asked(desk: Desk, kind: str, user: str, query: str = "") -> TestResponse:
    answer = desk.call("GET", f"/api/v1/export/{kind}/{user}?{query}")
    assert answer.status_code == 200, answer.text
    return answer


def parquet(content: bytes) -> Any:
    return pyarrow.parquet.read_table(pyarrow.BufferReader(content))


def table(answer: TestResponse) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_export_is_the_header_alone(kind: str, desk: Desk, user: str) -> None:
    answer = asked(desk, kind, user)

    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.text == ",".join(column.name for column in TABLES[kind].columns) + "\r\n"  # type: ignore[index]
    assert asked(desk, kind, user, "format=jsonl").data == b""


def test_decisions_have_their_values_and_thresholds_in_columns(desk: Desk, user: str) -> None:
    decided = desk.evaluate(user, rsi=30)
    desk.evaluate(user, confidence=0.1, symbol="ETHUSDT")

    first, second = table(asked(desk, "decisions", user))
    (line,) = asked(desk, "decisions", user, "format=jsonl&symbol=btc/usdt").data.splitlines()

    assert (first["decision_id"], first["evaluated_at"]) == (decided["decision_id"], decided["evaluated_at"])
    assert (first["rsi"], first["rsi_threshold"], first["macd"]) == ("30.0", "70.0", "")
    assert (second["decision"], second["code"]) == ("reject", "limit_missed")
    told = orjson.loads(line)
    assert told["evaluated_at"] == decided["evaluated_at"]
    assert (told["rsi"], told["macd"], told["reduce_only"]) == (30.0, None, False)


def test_outcomes_tell_their_decision_and_whether_they_count(desk: Desk, user: str) -> None:
    decided = desk.evaluate(user)
    report(desk, user, "t-1", 6.0, NOW_MS - 2, risk=3.0, decision_id=decided["decision_id"])
    report(desk, user, "t-2", 9.0, NOW_MS - 1, corrects="t-1", risk=3.0)
    report(desk, user, "t-3", 9.0, NOW_MS, pnl_percent=5000.0)

    first, second, third = table(asked(desk, "outcomes", user))

    assert (first["r"], first["decision_id"], first["matched_by"]) == ("2.0", decided["decision_id"], "decision_id")
    assert (first["superseded_by"], second["corrects"], second["superseded_by"]) == ("t-2", "t-1", "")
    assert (second["learning"], third["quarantined"]) == ("waiting", "pnl_percent_implausible")
    assert first["closed_at"] == iso(NOW_MS - 2)


def test_days_of_performance_are_those_of_the_figures(desk: Desk, user: str) -> None:
    for back, percent in ((3, 10.0), (2, -10.0), (1, 10.0)):
        report(desk, user, f"t-{back}", percent, NOW_MS - back * DAY_MS, pnl_percent=percent)
    told = desk.data("GET", f"/api/v1/performance/{user}?equity_curve=true")

    rows = table(asked(desk, "performance", user, "symbol=*"))

    assert [row["date"] for row in rows] == [point["day"] for point in told["equity_curve"]]
    for name in ("equity", "drawdown_percent"):
        assert [float(row[name]) for row in rows] == pytest.approx([point[name] for point in told["equity_curve"]])
    assert float(rows[-1]["cumulated_pnl"]) == told["total_pnl"]


def test_a_window_includes_its_beginning_and_not_its_end(desk: Desk, user: str) -> None:
    for number in range(3):
        report(desk, user, f"t-{number}", at_ms=NOW_MS - 5_000 + number)

    rows = table(asked(desk, "outcomes", user, f"since={iso(NOW_MS - 5_000)}&until={iso(NOW_MS - 4_998)}"))

    assert [row["trade_id"] for row in rows] == ["t-0", "t-1"]


def test_no_cell_is_a_formula(desk: Desk, user: str) -> None:
    report(desk, user, "=cmd|' /C calc'!A0", -3.0)
    report(desk, user, '@SUM(1,"2")')

    answer = asked(desk, "outcomes", user)

    assert [row["trade_id"] for row in table(answer)] == ["'=cmd|' /C calc'!A0", '\'@SUM(1,"2")']
    assert table(answer)[0]["pnl"] == "-3.0"
    assert b'"trade_id":"=cmd' in asked(desk, "outcomes", user, "format=jsonl").data


def test_the_file_has_a_name_in_which_nothing_foreign_stands(desk: Desk) -> None:
    answer = asked(desk, "outcomes", "a%22%3Bb")

    today = iso(NOW_MS)[:10]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="outcomes-a_b-{today}.csv"'


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("format=xlsx", ["format"]),
        ("since=yesterday&until=1&symbol=%20", ["since", "until", "symbol"]),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", ["until"]),
        ("colour=red", ["colour"]),
    ],
)
def test_a_bad_query_is_told_field_by_field(query: str, paths: list[str], desk: Desk, user: str) -> None:
    found = desk.problem(400, "GET", f"/api/v1/export/decisions/{user}?{query}")

    assert [error["path"] for error in found["errors"]] == paths


def test_an_unknown_table_is_not_there(desk: Desk, user: str) -> None:
    desk.problem(404, "GET", f"/api/v1/export/secrets/{user}")


def test_a_place_in_the_lane_is_held_until_the_last_row_is_sent(desk: Desk, user: str) -> None:
    desk.evaluate(user)
    client = desk.app.test_client()
    path = f"/api/v1/export/decisions/{user}"
    places = desk.process.settings.server.slow_slots

    held = [client.get(path, buffered=False) for _ in range(places)]
    desk.problem(503, "GET", path)
    # One is read to its end, one is given up.
    held[0].get_data()
    assert desk.call("GET", path).status_code == 200
    for one in held[1:]:
        one.close()

    assert [desk.call("GET", path).status_code for _ in range(places + 1)] == [200] * (places + 1)


def test_a_question_for_the_headers_alone_holds_no_place(desk: Desk, user: str) -> None:
    for _ in range(5):
        assert desk.call("HEAD", f"/api/v1/export/decisions/{user}").status_code == 200


# ---- finished files


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_file_has_the_columns_even_without_rows(kind: str, desk: Desk, user: str) -> None:
    answer = asked(desk, kind, user, "format=parquet")

    assert answer.content_type == "application/vnd.apache.parquet"
    assert answer.headers["Content-Disposition"].endswith(f"{kind}-{user}-{iso(NOW_MS)[:10]}.parquet")
    found = parquet(answer.data)
    assert found.num_rows == 0
    assert found.column_names == [column.name for column in TABLES[kind].columns]  # type: ignore[index]


def test_a_finished_file_holds_what_the_other_forms_hold(desk: Desk, user: str) -> None:
    desk.evaluate(user, signal_id="=1+1")
    desk.evaluate(user, confidence=0.1)

    found = parquet(asked(desk, "decisions", user, "format=parquet").data)

    lines = [orjson.loads(line) for line in asked(desk, "decisions", user, "format=jsonl").data.splitlines()]
    rows = found.to_pylist()
    assert [
        {**row, "evaluated_at": row["evaluated_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        for row in rows
    ] == lines
    assert found.schema.field("evaluated_at").type == pyarrow.timestamp("ms", tz="UTC")


def test_a_download_that_broke_off_goes_on_where_it_was(desk: Desk, user: str) -> None:
    report(desk, user, "t-1")
    path = f"/api/v1/export/outcomes/{user}?format=parquet"

    def call(**headers: str) -> TestResponse:
        answer = desk.call("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        # Until it is read, it holds a place.
        answer.get_data()
        return answer

    whole = call()
    etag = whole.headers["ETag"]

    rest = call(Range="bytes=100-", If_Range=etag)
    same = call(If_None_Match=etag)
    beyond = call(Range="bytes=99999999-")
    report(desk, user, "t-2")
    changed = call(Range="bytes=100-", If_Range=etag)

    assert (rest.status_code, rest.data) == (206, whole.data[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole.data) - 1}/{len(whole.data)}"
    assert (same.status_code, same.data) == (304, b"")
    assert problem_of(beyond, 416)["code"] == "requested_range_not_satisfiable"
    assert beyond.headers["Content-Range"] == f"bytes */{len(whole.data)}"
    assert changed.status_code == 200
    assert parquet(changed.data).num_rows == 2


def test_another_window_is_another_file(desk: Desk, user: str) -> None:
    report(desk, user, "t-1")
    queries = ("", "&symbol=ETHUSDT", f"&since={iso(NOW_MS + 1)}", f"&until={iso(NOW_MS)}")

    counts = [parquet(asked(desk, "outcomes", user, f"format=parquet{query}").data).num_rows for query in queries]

    assert counts == [1, 0, 0, 0]


def test_a_finished_file_gives_its_place_back(desk: Desk, user: str) -> None:
    path = f"/api/v1/export/decisions/{user}?format=parquet"
    for headers in ({}, {"Range": "bytes=0-3"}, {"Range": "bytes=99999999-"}, {"If-None-Match": "*"}):
        for _ in range(3):
            answer = desk.call("GET", path, headers=headers)
            answer.get_data()
            assert answer.status_code != 503


def test_a_disk_that_takes_nothing_is_our_turn(desk: Desk, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ml_service.adapters.exports.files.write_parquet", full)

    found = desk.problem(503, "GET", f"/api/v1/export/decisions/{user}?format=parquet")

    assert (found["code"], "No space left" in found["detail"]) == ("not_kept", True)
