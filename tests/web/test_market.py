"""Candles over HTTP, and what evaluate makes of them."""

from pathlib import Path
from typing import Any

import pytest

from ml_service.domain.market.candles import Candles
from ml_service.features.schema import SCHEMA
from tests.candles import FIRST_MS, HOUR_MS, walk
from tests.web.desk import Desk, opened

BOOK = ("spread", "book_imbalance_top", "book_imbalance_ten", "depth_ratio", "microprice_deviation", "trade_flow")


def told(candles: Candles) -> list[list[float]]:
    """As ccxt tells them."""
    return [list(candle[:6]) for candle in candles.rows()]


def at(moment_ms: int) -> dict[str, str]:
    return {"X-Test-Time": str(moment_ms)}


def post(desk: Desk, symbol: str, candles: Any, now_ms: int, venue: str = "binance", interval: str = "1h") -> Any:
    path = f"/api/v1/market/{venue}/{symbol}/{interval}/candles"
    return desk.data("POST", path, {"candles": candles}, headers=at(now_ms))


def test_a_signal_with_warm_features_names_the_row_it_was_made_with(desk: Desk, user: str) -> None:
    candles = walk(600)
    closed_ms = FIRST_MS + 600 * HOUR_MS
    added = post(desk, "WARMUSDT", told(candles), closed_ms)

    decision = desk.evaluate(user, at(closed_ms + 60_000), symbol="WARM/USDT")
    looked_up = desk.data("GET", f"/api/v1/decision/{user}/{decision['decision_id']}")
    newest = desk.data("GET", "/api/v1/market/binance/WARMUSDT/1h/features")

    assert (added["new"], added["refused"]) == (600, [])
    features = decision["features"]
    assert (features["status"], tuple(features["missing"])) == ("partial", BOOK)
    assert (features["venue"], features["interval"], features["schema"]) == ("binance", "1h", SCHEMA.hash)
    assert decision["regime"] in ("trending", "sideways", "volatile", "consolidation")
    assert 0.0 < features["regime_confidence"] <= 1.0
    assert features["set_id"] == newest["set_id"]
    assert looked_up["features"] == {**features, "values": newest["values"]}
    assert [name for name, value in newest["values"].items() if value is None] == list(BOOK)
    assert looked_up["regime"] == decision["regime"]


def test_a_symbol_without_candles_says_that_all_features_are_missing(desk: Desk, user: str) -> None:
    decision = desk.evaluate(user, symbol="NEVERUSDT")

    assert decision["features"] == {"status": "no_candles", "missing": list(SCHEMA.names)}
    assert decision["regime"] is None
    assert decision["decision"] == "take"


def test_a_row_counts_until_two_intervals_after_its_bar_closed(desk: Desk, user: str) -> None:
    closed_ms = FIRST_MS + 600 * HOUR_MS
    post(desk, "OLDUSDT", told(walk(600)), closed_ms)

    fresh = desk.evaluate(user, at(closed_ms + 2 * HOUR_MS - 1), symbol="OLDUSDT")
    stale = desk.evaluate(user, at(closed_ms + 2 * HOUR_MS), symbol="OLDUSDT")

    assert fresh["features"]["status"] == "partial"
    assert (stale["features"]["status"], stale["features"]["missing"]) == ("stale", list(SCHEMA.names))
    assert stale["regime"] is None


def test_with_an_order_book_no_feature_is_missing(desk: Desk, user: str) -> None:
    candles = walk(600)
    last = dict(zip(("opened_at", "open", "high", "low", "close", "volume"), told(candles)[-1], strict=True))
    book = {"bids": [[29_999.0, 2.0], [29_998.0, 5.0]], "asks": [[30_001.0, 1.0]]}
    post(desk, "BOOKUSDT", told(candles)[:-1], FIRST_MS + 600 * HOUR_MS)
    post(desk, "BOOKUSDT", [{**last, "taker_buy": last["volume"] / 4, "book": book}], FIRST_MS + 600 * HOUR_MS)

    decision = desk.evaluate(user, at(FIRST_MS + 600 * HOUR_MS), symbol="BOOKUSDT")
    values = desk.data("GET", "/api/v1/market/binance/BOOKUSDT/1h/features")["values"]

    assert (decision["features"]["status"], decision["features"]["missing"]) == ("ready", [])
    assert values["book_imbalance_top"] == pytest.approx(1 / 3)
    assert values["book_imbalance_ten"] == pytest.approx(6 / 8)
    assert values["trade_flow"] == pytest.approx(-0.5)
    assert values["spread"] == pytest.approx(2.0 / 30_000.0 * 10_000)


def test_the_shortest_fresh_interval_is_used_unless_a_setting_narrows_the_choice(tmp_path: Path) -> None:
    for environ, expected in (
        ({}, ("binance", "15m")),
        ({"ML_SERVICE__MARKET__INTERVAL": "1h"}, ("binance", "1h")),
        ({"ML_SERVICE__MARKET__VENUE": "kucoin"}, ("kucoin", "1h")),
        ({"ML_SERVICE__MARKET__VENUE": "nowhere"}, None),
    ):
        folder = tmp_path / str(expected)
        with opened(folder, **environ) as desk:
            end_ms = FIRST_MS + 100 * HOUR_MS
            for venue, interval, length_ms in (
                ("binance", "1h", HOUR_MS),
                ("kucoin", "1h", HOUR_MS),
                ("binance", "15m", HOUR_MS // 4),
            ):
                candles = walk(100, first_ms=end_ms - 100 * length_ms, length_ms=length_ms)
                post(desk, "BTCUSDT", told(candles), end_ms, venue, interval)

            features = desk.evaluate("ada", at(end_ms))["features"]

        assert (features.get("venue"), features.get("interval")) == (expected or (None, None)), environ


def test_features_survive_a_restart(tmp_path: Path) -> None:
    closed_ms = FIRST_MS + 600 * HOUR_MS
    candles = told(walk(601))
    with opened(tmp_path) as desk:
        post(desk, "BTCUSDT", candles[:600], closed_ms)
        before = desk.evaluate("ada", at(closed_ms))

    with opened(tmp_path) as desk:
        after = desk.evaluate("ada", at(closed_ms))
        known = post(desk, "BTCUSDT", candles, closed_ms + HOUR_MS)
        later = desk.evaluate("ada", at(closed_ms + HOUR_MS))

    assert after["features"] == before["features"]
    assert (known["new"], known["same"]) == (1, 600)
    assert later["features"]["bar"] > after["features"]["bar"]


def test_the_same_candles_again_do_no_harm_and_a_conflict_is_named(desk: Desk) -> None:
    candles, now_ms = told(walk(20)), FIRST_MS + 20 * HOUR_MS
    post(desk, "AGAINUSDT", candles, now_ms)
    other = [*candles[3][:5], 1.0]

    again = post(desk, "AGAINUSDT", candles, now_ms)
    mixed = post(desk, "AGAINUSDT", [other, candles[4]], now_ms)
    refused = desk.problem(400, "POST", "/api/v1/market/binance/AGAINUSDT/1h/candles", [other], at(now_ms))

    assert (again["new"], again["same"]) == (0, 20)
    assert (mixed["same"], len(mixed["refused"])) == (1, 1)
    assert "only the last bar may be corrected" in mixed["refused"][0]["why"]
    assert "only the last bar may be corrected" in refused["errors"][0]["message"]


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("binance/BTCUSDT/7m", [[FIRST_MS, 1, 1, 1, 1, 1]], "interval"),
        ("bin%20ance/BTCUSDT/1h", [[FIRST_MS, 1, 1, 1, 1, 1]], "venue"),
        ("binance/*/1h", [[FIRST_MS, 1, 1, 1, 1, 1]], "symbol"),
        ("binance/B$C/1h", [[FIRST_MS, 1, 1, 1, 1, 1]], "symbol"),
        ("binance/BTCUSDT/1h", [], "candles"),
        ("binance/BTCUSDT/1h", [[FIRST_MS, 1, 1, 1, 1]], "candles.0"),
        ("binance/BTCUSDT/1h", [[FIRST_MS * 1000, 1, 1, 1, 1, 1]], "candles.0.opened_at"),
        ("binance/BTCUSDT/1h", [{"opened_at": "2024-01-01T00:00:00"}], "candles.0.opened_at"),
        ("binance/BTCUSDT/1h", [[FIRST_MS, "1", 1, 1, 1, 1]], "candles.0.open"),
        ("binance/BTCUSDT/1h", [[FIRST_MS, 0, 1, 1, 1, 1]], "candles.0.open"),
        ("binance/BTCUSDT/1h", {"candles": [[FIRST_MS, 1, 1, 1, 1, 1]], "volume_unit": "lots"}, "volume_unit"),
    ],
)
def test_what_cannot_be_candles_is_refused_with_its_place(desk: Desk, path: str, body: Any, where: str) -> None:
    problem = desk.problem(400, "POST", f"/api/v1/market/{path}/candles", body)

    assert where in [one["path"] for one in problem["errors"]]


def test_a_book_whose_best_price_does_not_stand_first_is_refused(desk: Desk) -> None:
    candle = {"opened_at": FIRST_MS, "open": 2, "high": 2, "low": 2, "close": 2, "volume": 2}
    book = {"bids": [[1.0, 1.0], [2.0, 1.0]], "asks": [[3.0, 1.0]]}

    problem = desk.problem(400, "POST", "/api/v1/market/binance/BTCUSDT/1h/candles", [{**candle, "book": book}])

    assert problem["errors"][0]["path"] == "candles.0.book.bids"


def test_a_decision_of_an_earlier_moment_knows_nothing_of_later_bars(desk: Desk, user: str) -> None:
    candles = walk(602)
    post(desk, "AHEADUSDT", told(candles)[:600], FIRST_MS + 600 * HOUR_MS)
    desk.evaluate(user, at(FIRST_MS + 600 * HOUR_MS), symbol="AHEADUSDT")
    post(desk, "AHEADUSDT", told(candles)[600:601], FIRST_MS + 601 * HOUR_MS)

    just_before = desk.evaluate(user, at(FIRST_MS + 601 * HOUR_MS - 1), symbol="AHEADUSDT")["features"]
    long_before = desk.evaluate(user, at(FIRST_MS + 300 * HOUR_MS), symbol="AHEADUSDT")["features"]

    assert just_before["bar"] < desk.data("GET", "/api/v1/market/binance/AHEADUSDT/1h/features")["bar"]
    assert (just_before["status"], long_before["status"]) == ("partial", "no_candles")


def test_absurd_quantities_of_a_book_are_refused(desk: Desk) -> None:
    candle = {"opened_at": FIRST_MS, "open": 2, "high": 2, "low": 2, "close": 2, "volume": 2}
    book = {"bids": [[2.0, 1.7e308], [1.0, 1.7e308]], "asks": [[3.0, 1.0]]}

    problem = desk.problem(400, "POST", "/api/v1/market/binance/BTCUSDT/1h/candles", [{**candle, "book": book}])

    assert "candles.0.book.bids.0.1" in [one["path"] for one in problem["errors"]]


def test_candles_in_another_unit_are_a_conflict(desk: Desk) -> None:
    path, now = "/api/v1/market/binance/UNITUSDT/1h/candles", at(FIRST_MS + 9 * HOUR_MS)
    candles = told(walk(4))
    desk.data("POST", path, {"candles": candles[:2], "volume_unit": "base"}, headers=now)

    problem = desk.problem(409, "POST", path, {"candles": candles[2:], "volume_unit": "quote"}, now)

    assert problem["code"] == "volume_unit_conflict"


def test_stored_candles_come_in_pages(desk: Desk) -> None:
    post(desk, "PAGEUSDT", told(walk(10)), FIRST_MS + 10 * HOUR_MS)
    path = "/api/v1/market/binance/PAGEUSDT/1h/candles"

    last = desk.data("GET", f"{path}?limit=2")
    first = desk.data("GET", f"{path}?since=2000-01-01T00:00:00Z&limit=7")
    rest = desk.data("GET", f"{path}?since={first['next_since']}")

    assert [one["close"] for one in first["items"] + rest["items"]] == walk(10).close.tolist()
    assert (len(first["items"]), rest["next_since"]) == (7, None)
    assert [one["close"] for one in last["items"]] == walk(10).close.tolist()[-2:]
    assert desk.problem(404, "GET", "/api/v1/market/binance/NONEUSDT/1h/candles")["code"] == "not_found"
    assert desk.problem(404, "GET", "/api/v1/market/binance/NONEUSDT/1h/features")["code"] == "not_found"


def test_streams_and_the_schema_are_told(desk: Desk) -> None:
    post(desk, "TOLDUSDT", told(walk(3)), FIRST_MS + 3 * HOUR_MS)

    streams = {one["symbol"]: one for one in desk.data("GET", "/api/v1/market/streams")["items"]}
    schema = desk.data("GET", "/api/v1/market/schema")

    assert streams["TOLDUSDT"]["last_closed_at"] > streams["TOLDUSDT"]["last_bar"] > streams["TOLDUSDT"]["first_bar"]
    assert (schema["hash"], schema["names"]) == (SCHEMA.hash, list(SCHEMA.names))
    assert [one["differs"] for one in schema["history"]] == [None]
