"""Performance over HTTP: every figure by hand, over exactly what was stored."""

import math
import statistics
import time
from typing import Any

import pytest

from ml_service.adapters.store import tables as t
from ml_service.domain.market.regimes import REGIMES
from ml_service.web.schemas.performance import thinned
from tests.candles import FIRST_MS, HOUR_MS, walk
from tests.web.desk import Desk

DAY_MS = 86_400_000
NOW_MS = time.time_ns() // 1_000_000
TODAY = NOW_MS // DAY_MS


def at(days_back: float, hour: int = 12) -> str:
    """A time of day on a day of the past."""
    moment = (TODAY - math.floor(days_back)) * DAY_MS + hour * 3_600_000
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment / 1000))


def date(days_back: int) -> str:
    return at(days_back)[:10]


def report(desk: Desk, user: str, trade_id: str, pnl: float | None, days_back: float = 1, **fields: Any) -> Any:
    given = {"trade_id": trade_id, "symbol": "BTCUSDT", "pnl": pnl, "closed_at": at(days_back), **fields}
    return desk.data(
        "POST", f"/api/v1/outcomes/{user}", {key: value for key, value in given.items() if value is not None}
    )


def told(desk: Desk, user: str, **query: Any) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return desk.data("GET", f"/api/v1/performance/{user}?{asked}")


def test_every_figure_is_the_one_worked_out_by_hand(desk: Desk, user: str) -> None:
    # Four days, one trade each: +2 %, -1 %, +3 %, 0 %.
    for back, (pnl, percent) in zip((4, 3, 2, 1), ((20.0, 2.0), (-10.0, -1.0), (30.0, 3.0), (0.0, 0.0)), strict=True):
        report(desk, user, f"t-{back}", pnl, back, pnl_percent=percent, risk=10.0)

    found = told(desk, user)

    returns = [0.02, -0.01, 0.03, 0.0]
    mean, deviation = statistics.mean(returns), statistics.stdev(returns)
    compounded = 1.02 * 0.99 * 1.03 - 1
    assert (found["total_trades"], found["wins"], found["losses"], found["ties"]) == (4, 2, 1, 1)
    assert found["total_pnl"] == 40.0
    assert found["win_rate"]["value"] == 0.5
    # Wilson: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), symmetric at a half.
    assert found["win_rate"]["low"] == pytest.approx(0.15003898915, abs=1e-9)
    assert found["win_rate"]["high"] == pytest.approx(1 - 0.15003898915, abs=1e-9)
    assert found["pnl"]["expectancy"]["value"] == 10.0
    # Student's with three degrees of freedom: 3.1824463 standard errors.
    half = 3.18244630528 * statistics.stdev([20.0, -10.0, 30.0, 0.0]) / 2
    assert found["pnl"]["expectancy"]["low"] == pytest.approx(10.0 - half)
    assert found["pnl"]["expectancy"]["high"] == pytest.approx(10.0 + half)
    assert found["pnl"]["profit_factor"] == 5.0
    assert (found["pnl"]["average_win"], found["pnl"]["average_loss"]) == (25.0, -10.0)
    assert found["r"]["total"] == 4.0
    assert found["total_return_percent"] == 4.0
    assert found["compounded_return_percent"] == pytest.approx(100 * compounded)
    assert found["volatility_percent"] == pytest.approx(100 * deviation * math.sqrt(365))
    assert found["sharpe_ratio"] == pytest.approx(mean / deviation * math.sqrt(365))
    downside = math.sqrt(0.01**2 / 4)
    assert found["sortino_ratio"] == pytest.approx(mean / downside * math.sqrt(365))
    assert found["drawdown"]["percent"] == pytest.approx(1.0)
    assert found["drawdown"]["days"] == 1
    annual = 100 * ((1 + compounded) ** (365 / 4) - 1)
    assert found["calmar_ratio"] == pytest.approx(annual / 1.0)
    assert 0.5 < found["sharpe_probability"] < 1
    assert found["drawdown_pnl"] == 10.0
    assert (found["streak"], found["wins_streak_max"], found["losses_streak_max"]) == (0, 1, 1)
    assert (found["days"], found["days_traded"]) == (4, 4)
    assert 0 < found["score"]["value"] < 1
    assert found["score"]["parts"]["win_rate"] == 0.5
    assert found["score"]["missing"] == []


def test_exposure_is_the_share_of_the_time_between_the_first_opening_and_the_last_close(desk: Desk, user: str) -> None:
    report(desk, user, "t-1", 1.0, opened_at=at(1, 0), closed_at=at(1, 6), entry_price=50.0, quantity=2.0)
    report(desk, user, "t-2", 1.0, opened_at=at(1, 12), closed_at=at(1, 18), entry_price=50.0, quantity=2.0)

    found = told(desk, user)

    assert found["exposure"] == pytest.approx(12 / 18)
    assert found["exposure_notional"] == pytest.approx(100 * 12 / 18)


def test_nobody_has_traded_yet(desk: Desk, user: str) -> None:
    found = told(desk, user, rolling_days=7, equity_curve="true", by="hour")

    assert (found["total_trades"], found["quarantined"], found["counterfactual"], found["corrected"]) == (0, 0, 0, 0)
    assert (found["total_pnl"], found["win_rate"], found["score"], found["drawdown"]) == (None, None, None, None)
    assert (found["equity_curve"], found["rolling"]["points"], found["by"]["groups"]) == ([], [], [])
    assert found["symbol"] == "*"


def test_totals_are_over_exactly_what_was_stored(desk: Desk, user: str) -> None:
    report(desk, user, "good", 10.0)
    report(desk, user, "doubtful", 500.0, pnl_percent=5000.0)
    report(desk, user, "rejected", 77.0, accepted=False)
    report(desk, user, "good", 10.0)

    found = told(desk, user)

    assert (found["total_trades"], found["total_pnl"]) == (2, 510.0)
    assert (found["quarantined"], found["counterfactual"], found["corrected"]) == (1, 1, 0)


def test_a_corrected_outcome_counts_as_corrected_from_its_own_day_on(desk: Desk, user: str) -> None:
    report(desk, user, "t-1", 10.0, 40)
    report(desk, user, "t-2", 1.0, 39)
    told(desk, user)

    report(desk, user, "c-1", -3.0, 40, corrects="t-1")

    found = told(desk, user)
    assert (found["total_trades"], found["total_pnl"], found["corrected"]) == (2, -2.0, 1)


def test_a_released_outcome_is_believed_from_then_on(desk: Desk, user: str) -> None:
    report(desk, user, "t-1", 10.0, 3, pnl_percent=150.0)
    before = told(desk, user)

    desk.admin("POST", f"/api/v1/outcomes/{user}/quarantine/t-1/release", {"reason": "looked at"})

    after = told(desk, user)
    assert (before["quarantined"], before["total_return_percent"]) == (1, None)
    assert (after["quarantined"], after["total_return_percent"]) == (0, 150.0)


def test_every_new_outcome_is_told_at_once_however_old(desk: Desk, user: str) -> None:
    for number, back in enumerate((1, 60, 1, 30, 0)):
        report(desk, user, f"t-{number}", 1.0, back, **({"closed_at": None} if back == 0 else {}))

        assert told(desk, user)["total_trades"] == number + 1


def test_a_window_goes_by_the_time_of_closing(desk: Desk, user: str) -> None:
    for back in (0, 1, 5, 40):
        report(desk, user, f"t-{back}", 1.0, closed_at=iso(NOW_MS - back * DAY_MS - 60_000))

    counts = {days: told(desk, user, days_back=days)["total_trades"] for days in (0.5, 1, 1.5, 5.1, 39, 41)}

    assert counts == {0.5: 1, 1: 1, 1.5: 2, 5.1: 3, 39: 3, 41: 4}


def iso(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms / 1000)) + f".{at_ms % 1000:03d}Z"


def test_one_symbol_is_told_by_itself(desk: Desk, user: str) -> None:
    report(desk, user, "t-1", 1.0)
    report(desk, user, "t-2", -5.0, symbol="ETHUSDT")

    assert told(desk, user, symbol="eth/usdt")["total_pnl"] == -5.0
    assert told(desk, user, symbol="eth/usdt")["recent"]["total_pnl"] == -5.0
    assert told(desk, user, symbol="XRPUSDT")["total_trades"] == 0
    assert told(desk, user, symbol="*")["total_trades"] == 2


def test_a_breakdown_has_the_figures_of_each_group(desk: Desk, user: str) -> None:
    report(desk, user, "t-1", 1.0, closed_at=at(2, 8))
    report(desk, user, "t-2", 3.0, closed_at=at(1, 8))
    report(desk, user, "t-3", -5.0, symbol="ETHUSDT", closed_at=at(1, 20))
    decided = desk.evaluate(user)
    report(desk, user, "t-4", 2.0, decision_id=decided["decision_id"], closed_at=at(1, 20))

    def groups(by: str, *names: str, **query: Any) -> list[tuple[Any, ...]]:
        found = told(desk, user, by=by, **query)["by"]
        assert (found["name"], found["left_out"]) == (by, 0)
        return [(*(one[name] for name in names), one["total_trades"], one["total_pnl"]) for one in found["groups"]]

    assert groups("symbol", "symbol") == [("BTCUSDT", 3, 6.0), ("ETHUSDT", 1, -5.0)]
    assert groups("hour", "hour") == [(8, 2, 4.0), (20, 2, -3.0)]
    assert groups("hour", "hour", symbol="BTCUSDT") == [(8, 2, 4.0), (20, 1, 2.0)]
    assert groups("revision", "thresholds_symbol", "revision") == [(None, None, 3, -1.0), ("*", 0, 1, 2.0)]


def test_a_breakdown_by_regime_says_where_none_was_known(desk: Desk, user: str) -> None:
    closed_ms = FIRST_MS + 600 * HOUR_MS
    rows = [list(candle[:6]) for candle in walk(600).rows()]
    clock = {"X-Test-Time": str(closed_ms + 60_000)}
    desk.data("POST", "/api/v1/market/binance/SORTUSDT/1h/candles", {"candles": rows}, headers=clock)
    decided = desk.evaluate(user, clock, symbol="SORTUSDT")
    report(desk, user, "t-1", 2.0, symbol="SORTUSDT", decision_id=decided["decision_id"])
    report(desk, user, "t-2", -5.0)

    found = told(desk, user, by="regime")["by"]
    of_one = told(desk, user, by="regime", symbol="SORTUSDT")["by"]["groups"]

    assert decided["regime"] in REGIMES
    assert sorted((one["regime"], one["total_pnl"]) for one in found["groups"]) == sorted(
        [("unknown", -5.0), (decided["regime"], 2.0)]
    )
    assert [(one["regime"], one["total_pnl"]) for one in of_one] == [(decided["regime"], 2.0)]


def test_the_equity_curve_cumulates_and_the_rolling_window_moves(desk: Desk, user: str) -> None:
    for back, percent in ((3, 10.0), (2, -10.0), (1, 10.0)):
        report(desk, user, f"t-{back}", percent, back, pnl_percent=percent)

    found = told(desk, user, equity_curve="true", rolling_days=2)

    curve = found["equity_curve"]
    assert [point["day"] for point in curve] == [date(3), date(2), date(1)]
    assert [point["pnl"] for point in curve] == [10.0, 0.0, 10.0]
    assert [point["equity"] for point in curve] == pytest.approx([1.1, 0.99, 1.089])
    assert [point["drawdown_percent"] for point in curve] == pytest.approx([0.0, 10.0, 1.0])
    assert [(point["day"], point["win_rate"]) for point in found["rolling"]["points"]] == [
        (date(2), 0.5),
        (date(1), 0.5),
    ]


def test_a_long_series_is_thinned_between_its_ends(desk: Desk, user: str) -> None:
    for back in range(1, 13):
        report(desk, user, f"t-{back}", 1.0, back, pnl_percent=1.0)

    found = told(desk, user, equity_curve="true", points=4)["equity_curve"]

    assert [point["day"] for point in found] == [date(12), date(8), date(5), date(1)]
    assert thinned([1, 2, 3], 3) == [1, 2, 3]


def test_the_last_trades_stand_by_themselves(desk: Desk, user: str) -> None:
    items = [
        {"trade_id": f"t-{n}", "symbol": "BTCUSDT", "pnl": 1.0 if n < 105 else -1.0, "closed_at": at(60 - n // 3)}
        for n in range(110)
    ]
    desk.data("POST", f"/api/v1/outcomes/{user}", {"outcomes": items})

    for query in ({}, {"symbol": "BTCUSDT"}):
        found = told(desk, user, **query)
        assert (found["total_trades"], found["total_pnl"]) == (110, 100.0)
        assert (found["recent"]["total_trades"], found["recent"]["total_pnl"], found["recent"]["losses"]) == (
            100,
            90.0,
            5,
        )


def test_a_window_of_a_symbol_does_not_reach_behind_it(desk: Desk, user: str) -> None:
    report(desk, user, "t-1", 1.0, closed_at=iso(NOW_MS - 3_600_000))
    report(desk, user, "t-2", 2.0, closed_at=iso(NOW_MS - 3 * 3_600_000))

    found = told(desk, user, symbol="BTCUSDT", days_back=2 / 24)

    assert (found["total_trades"], found["recent"]["total_trades"]) == (1, 1)


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("days_back=0", ["days_back"]),
        ("days_back=nan", ["days_back"]),
        ("days_back=1e9&rolling_days=1", ["days_back", "rolling_days"]),
        ("by=color&points=1&equity_curve=perhaps", ["by", "equity_curve", "points"]),
        ("symbol=BTCUSDT&by=symbol", ["by"]),
        ("symbol=a%20b", ["symbol"]),
        ("since=yesterday", ["since"]),
    ],
)
def test_each_field_that_makes_no_sense_is_named(desk: Desk, user: str, query: str, paths: list[str]) -> None:
    refused = desk.problem(400, "GET", f"/api/v1/performance/{user}?{query}")

    assert sorted(one["path"] for one in refused["errors"]) == paths


def test_without_roll_ups_the_answer_is_the_same(desk: Desk, user: str) -> None:
    for back in (1, 2, 3):
        report(desk, user, f"t-{back}", float(back), back)
    before = told(desk, user, by="hour", equity_curve="true")

    for path in desk.process.settings.data_dir.glob("metrics.db*"):
        path.unlink()

    after = told(desk, user, by="hour", equity_curve="true")
    assert {**after, "until": before["until"]} == before


# ---- analytics


def analytics(desk: Desk, user: str, **query: Any) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return desk.data("GET", f"/api/v1/analytics/{user}?{asked}")


def recently(hours_back: float) -> str:
    return iso(NOW_MS - int(hours_back * 3_600_000))


def test_analytics_counts_what_was_decided_and_what_became_of_it(desk: Desk, user: str) -> None:
    desk.evaluate(user)
    desk.evaluate(user, confidence=0.1)
    desk.evaluate(user, symbol="ETHUSDT", action="HOLD")
    report(desk, user, "t-1", 10.0, closed_at=recently(1), risk=5.0)
    report(desk, user, "t-2", -4.0, closed_at=recently(2), symbol="ETHUSDT")
    report(desk, user, "old", 99.0, closed_at=recently(50))

    found = analytics(desk, user)

    assert (found["total_trades"], found["total_pnl"]) == (2, 6.0)
    assert {name: found["decisions"][name] for name in ("total", "take", "reject", "abstain")} == {
        "total": 3,
        "take": 1,
        "reject": 2,
        "abstain": 0,
    }
    assert found["decisions"]["codes"] == {"all_passed": 1, "hold": 1, "limit_missed": 1}
    assert found["outcomes"]["win_rate"]["value"] == 0.5
    assert (found["outcomes"]["r"]["known"], found["outcomes"]["r"]["total"]) == (1, 2.0)
    own = {one["symbol"]: one for one in found["symbols"]}
    assert set(own) == {"BTCUSDT", "ETHUSDT"}
    assert (own["ETHUSDT"]["total_pnl"], own["ETHUSDT"]["decisions"]["reject"]) == (-4.0, 1)
    assert analytics(desk, user, hours_back=60)["total_trades"] == 3
    assert analytics(desk, user, hours_back=1.5)["total_trades"] == 1


def test_the_value_of_what_was_rejected_is_told_in_r(desk: Desk, user: str) -> None:
    for number, (back, pnl) in enumerate(((1, 10.0), (25, -20.0), (49, 40.0))):
        report(desk, user, f"r-{number}", pnl, closed_at=recently(back), risk=10.0, accepted=False)
    report(desk, user, "unknown", 5.0, closed_at=recently(1), accepted=False)

    found = analytics(desk, user, hours_back=72)

    rejected = found["rejected"]
    assert (rejected["count"], rejected["known"]) == (4, 3)
    assert (rejected["sum_r"]["value"], rejected["mean_r"]["value"]) == (3.0, 1.0)
    assert rejected["mean_r"]["low"] < 1.0 < rejected["mean_r"]["high"]
    assert (found["total_trades"], found["counterfactual"]) == (0, 4)


def test_adaptations_are_counted_and_the_last_ones_shown(desk: Desk, user: str) -> None:
    made = {"user_id": user, "symbol": "BTCUSDT", "revision_before": 1, "revision": 2, "explanation": '{"why":"x"}'}
    with desk.process._database.write() as connection:
        for name, back, verdict in (("a-1", 1, "moved"), ("a-2", 2, "refused"), ("a-3", 50, "moved")):
            row = {**made, "id": name, "at_ms": NOW_MS - back * 3_600_000, "verdict": verdict}
            connection.execute(t.adaptations.insert().values(row))

    found = analytics(desk, user)["adaptations"]

    assert (found["total"], found["verdicts"]) == (2, {"moved": 1, "refused": 1})
    assert [one["adaptation_id"] for one in found["items"]] == ["a-1", "a-2"]
    assert found["items"][0]["explanation"] == {"why": "x"}


def test_analytics_as_a_table_has_the_same_figures(desk: Desk, user: str) -> None:
    report(desk, user, "t-1", 10.0, closed_at=recently(1))
    desk.evaluate(user)

    answer = desk.call("GET", f"/api/v1/analytics/{user}?format=csv")

    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
    lines = answer.text.splitlines()
    assert lines[0] == "section,symbol,name,value,low,high"
    assert {"outcomes,,total_trades,1,,", "outcomes,BTCUSDT,total_pnl,10.0,,", "decisions,,take,1,,"} <= set(lines)
    assert "decisions,BTCUSDT,codes.all_passed,1,," in lines
    (rate,) = [line for line in lines if line.startswith("outcomes,,win_rate,")]
    assert rate.startswith("outcomes,,win_rate,1.0,0.")


@pytest.mark.parametrize(
    ("query", "paths"),
    [("hours_back=0&format=xml", ["format", "hours_back"]), ("hours_back=inf", ["hours_back"]), ("x=1", ["x"])],
)
def test_analytics_names_each_field_that_makes_no_sense(desk: Desk, user: str, query: str, paths: list[str]) -> None:
    refused = desk.problem(400, "GET", f"/api/v1/analytics/{user}?{query}")

    assert sorted(one["path"] for one in refused["errors"]) == paths


def test_figures_of_another_user_stay_where_they_are(desk: Desk, user: str) -> None:
    key = desk.admin("POST", "/api/v1/admin/keys", {"scope": "user", "users": ["somebody-else"]}, 201)["key"]
    report(desk, user, "t-1", 10.0)

    for path in (f"performance/{user}", f"analytics/{user}", f"analytics/{user}?format=csv"):
        desk.problem(404, "GET", f"/api/v1/{path}", headers={"X-API-Key": key})
