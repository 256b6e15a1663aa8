"""Trades that others have kept books of become outcomes, each with an id that is the same in every reading."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from ml_service.adapters.market.found import Given
from ml_service.adapters.market.outcomes import read_outcomes
from ml_service.adapters.market.trades import Told
from ml_service.domain.outcomes import Outcome, completed
from ml_service.errors import InvalidInput
from tests.adapters.market.files import FIRST_MS, HOUR_MS, found_in
from tests.market_data import real

FILLS = "time,symbol,side,price,quantity,fee,fee_currency\n"


def told(*paths: Path, shorts: bool = False, **given: Any) -> list[Told]:
    return list(read_outcomes([found_in(path) for path in paths], "ada", Given(**given), shorts))


def outcomes(*paths: Path, shorts: bool = False, **given: Any) -> list[Outcome]:
    found = told(*paths, shorts=shorts, **given)
    assert [one.complaint for one in found if one.outcome is None] == []
    return [one.outcome for one in found if one.outcome is not None]


def fills(folder: Path, *lines: str, name: str = "fills.csv") -> Path:
    path = folder / name
    path.write_text(FILLS + "".join(f"{line}\n" for line in lines))
    return path


def trade(**changed: Any) -> dict[str, Any]:
    return {
        "pair": "BTC/USDT:USDT",
        "amount": 2.0,
        "open_rate": 100.0,
        "close_rate": 110.0,
        "fee_open": 0.001,
        "fee_close": 0.001,
        "profit_ratio": 0.0979,
        "profit_abs": 19.58,
        "is_open": False,
        "is_short": False,
        "open_date": "2022-01-01 00:00:00+00:00",
        "open_timestamp": FIRST_MS,
        "close_timestamp": float(FIRST_MS + HOUR_MS),
    } | changed


def test_freqtrades_trades_are_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "backtest.json"
    path.write_bytes(orjson.dumps([trade(), trade(is_short=True), trade(is_open=True, amount=3.0)]))

    found = told(path)

    first, short = (one.outcome for one in found[:2])
    assert first is not None
    assert short is not None
    assert (first.symbol, first.side, first.pnl, first.source) == ("BTCUSDTUSDT", "BUY", 19.58, "import")
    assert (first.opened_at_ms, first.closed_at_ms) == (FIRST_MS, FIRST_MS + HOUR_MS)
    assert first.pnl_percent == pytest.approx(9.79)
    assert first.fees == pytest.approx(0.42)
    assert short.side == "SELL"
    assert short.trade_id != first.trade_id
    assert (found[2].outcome, found[2].complaint) == (None, "still open")


def test_the_result_of_a_backtest_holds_the_same_trades(tmp_path: Path) -> None:
    bare, whole = tmp_path / "bare.json", tmp_path / "whole.json"
    bare.write_bytes(orjson.dumps([trade()]))
    whole.write_bytes(orjson.dumps({"strategy": {"Mine": {"trades": [trade()]}}, "strategy_comparison": []}))

    assert outcomes(whole) == outcomes(bare)


def test_a_table_of_closed_trades_is_read_by_its_usual_names(tmp_path: Path) -> None:
    path = tmp_path / "closed.csv"
    path.write_text(
        "ID,Pair,Side,Entry Price,Exit Price,Qty,Realized PnL,Fee,Open Time,Close Time\n"
        "7,ETH/USDT,long,2000,2100,1.5,148.5,1.5,2022-01-01T00:00:00Z,2022-01-01T05:00:00Z\n"
        "8,ETH/USDT,sideways,2000,2100,1.5,148.5,1.5,2022-01-01T00:00:00Z,2022-01-01T05:00:00Z\n"
        "9,ETH/USDT,short,2000,2100,1.5,much,1.5,2022-01-01T00:00:00Z,2022-01-01T05:00:00Z\n"
    )

    first, *others = told(path)

    assert first.outcome == Outcome(
        "ada", "import:7", "ETHUSDT", True, "BUY", 148.5, None, 1.5, 2000.0, 2100.0, 1.5, None,
        FIRST_MS, FIRST_MS + 5 * HOUR_MS, source="import",
    )  # fmt: skip
    assert [one.where.rpartition(", ")[2] for one in others] == ["line 3", "line 4"]
    assert others[0].complaint is not None
    assert "expected buy, sell, long or short" in others[0].complaint
    assert others[1].complaint == 'pnl: expected a number, found "much"'


def test_fills_are_put_together_from_flat_to_flat(tmp_path: Path) -> None:
    path = fills(
        tmp_path,
        "2022-01-01T00:00:00Z,BTC/USDT,buy,100,1,0.1,USDT",
        "2022-01-01T01:00:00Z,BTC/USDT,buy,110,1,0.1,USDT",
        "2022-01-01T02:00:00Z,BTC/USDT,sell,120,0.5,0.1,USDT",
        "2022-01-01T03:00:00Z,BTC/USDT,sell,130,1.5,0.1,USDT",
    )

    (found,) = outcomes(path)

    pnl = 0.5 * 120 + 1.5 * 130 - 100 - 110 - 0.4
    assert found.pnl == pytest.approx(pnl)
    assert found.pnl_percent == pytest.approx(100 * pnl / 210)
    assert (found.side, found.quantity, found.entry_price) == ("BUY", 2.0, 105.0)
    assert (found.opened_at_ms, found.closed_at_ms) == (FIRST_MS, FIRST_MS + 3 * HOUR_MS)
    assert completed(found) == found


def test_a_fill_through_zero_closes_one_trade_and_opens_the_next(tmp_path: Path) -> None:
    path = fills(
        tmp_path,
        "2022-01-01T00:00:00Z,BTCUSDT,buy,100,1,0,",
        "2022-01-01T01:00:00Z,BTCUSDT,sell,110,3,0.3,",
        "2022-01-01T02:00:00Z,BTCUSDT,buy,105,2,0,",
    )

    long, short = outcomes(path, shorts=True)

    assert [long.side, long.pnl] == ["BUY", pytest.approx(10 - 0.1)]
    assert [short.side, short.pnl] == ["SELL", pytest.approx(2 * 5 - 0.2)]


def test_without_shorts_more_cannot_be_sold_than_was_bought(tmp_path: Path) -> None:
    path = fills(
        tmp_path,
        "2022-01-01T00:00:00Z,BTCUSDT,buy,100,1,0,",
        "2022-01-01T01:00:00Z,BTCUSDT,sell,110,3,0,",
        "2022-01-01T02:00:00Z,BTCUSDT,buy,100,2,0,",
        "2022-01-01T03:00:00Z,BTCUSDT,sell,90,2,0,",
    )

    first, excess, second = told(path)

    assert excess.complaint == f"BTCUSDT: 2 sold at {FIRST_MS + HOUR_MS} were not bought (--shorts?)"
    for one, pnl in ((first, 10.0), (second, -20.0)):
        assert one.outcome is not None
        assert [one.outcome.side, one.outcome.pnl] == ["BUY", pytest.approx(pnl)]


@pytest.mark.parametrize("crumbs", [(0.005,), (0.003, 0.002), (0.003,), ()])
def test_dust_that_is_sold_later_belongs_to_the_trade_that_left_it(crumbs: tuple[float, ...], tmp_path: Path) -> None:
    lines = ["2022-01-01T00:00:00Z,BTCUSDT,buy,100,1,0,", "2022-01-01T01:00:00Z,BTCUSDT,sell,110,0.995,0,"]
    lines += [f"2022-01-01T02:00:00Z,BTCUSDT,sell,111,{crumb},0," for crumb in crumbs]
    lines += ["2022-01-01T03:00:00Z,BTCUSDT,buy,120,1,0,", "2022-01-01T04:00:00Z,BTCUSDT,sell,126,1,0,"]

    first, second = outcomes(fills(tmp_path, *lines), shorts=True)

    assert [first.side, first.quantity] == ["BUY", pytest.approx(0.995 + sum(crumbs))]
    assert first.pnl == pytest.approx(0.995 * 10 + sum(crumbs) * 11)
    assert (first.opened_at_ms, first.closed_at_ms) == (FIRST_MS, FIRST_MS + HOUR_MS)
    assert [second.side, second.pnl, second.entry_price] == ["BUY", pytest.approx(6.0), 120.0]
    # Known already from a file that ended before the dust was sold.
    assert first.trade_id == outcomes(fills(tmp_path, *lines[:2]))[0].trade_id


def test_after_a_trade_that_left_nothing_a_small_short_is_a_trade(tmp_path: Path) -> None:
    path = fills(
        tmp_path,
        "2022-01-01T00:00:00Z,BTCUSDT,buy,100,0.1,0,",
        "2022-01-01T00:30:00Z,BTCUSDT,buy,100,0.2,0,",
        "2022-01-01T01:00:00Z,BTCUSDT,sell,110,0.3,0,",
        "2022-01-01T02:00:00Z,BTCUSDT,sell,110,0.003,0,",
        "2022-01-01T03:00:00Z,BTCUSDT,buy,100,0.003,0,",
    )

    assert [[one.side, one.quantity] for one in outcomes(path, shorts=True)] == [
        ["BUY", pytest.approx(0.3)],
        ["SELL", pytest.approx(0.003)],
    ]


def test_fills_of_several_files_are_one_history(tmp_path: Path) -> None:
    lines = [
        "2022-01-01T00:00:00Z,BTCUSDT,buy,100,1,0,",
        "2022-02-01T00:00:00Z,BTCUSDT,sell,110,1,0,",
        "2022-02-02T00:00:00Z,BTCUSDT,buy,100,1,0,",
        "2022-03-01T00:00:00Z,BTCUSDT,sell,90,1,0,",
    ]
    whole = outcomes(fills(tmp_path, *lines))
    months = [fills(tmp_path, *lines[1:3], name="02.csv"), fills(tmp_path, lines[0], name="01.csv")]
    # One that overlaps with another says nothing new.
    months.append(fills(tmp_path, *lines[2:], name="03.csv"))

    assert [[one.side, one.pnl] for one in whole] == [["BUY", pytest.approx(10.0)], ["BUY", pytest.approx(-10.0)]]
    assert outcomes(*months) == whole


def test_a_symbol_that_begins_with_a_sale_is_refused_by_name_until_shorts_are_possible(tmp_path: Path) -> None:
    path = fills(
        tmp_path,
        "2022-01-01T00:00:00Z,BTCUSDT,sell,100,1,0,",
        "2022-01-01T00:00:00Z,ETHUSDT,buy,100,1,0,",
        "2022-01-01T01:00:00Z,BTCUSDT,buy,90,1,0,",
        "2022-01-01T01:00:00Z,ETHUSDT,sell,90,1,0,",
    )

    refused, taken = told(path)

    assert refused.outcome is None
    assert (refused.complaint or "").startswith(f"BTCUSDT: its first fill, at {FIRST_MS}, is a sale")
    assert "--shorts" in (refused.complaint or "")
    assert taken.outcome is not None
    assert taken.outcome.symbol == "ETHUSDT"
    short, _ = outcomes(path, shorts=True)
    assert [short.symbol, short.side, short.pnl] == ["BTCUSDT", "SELL", pytest.approx(10.0)]


def test_a_fee_in_the_coin_is_taken_off_the_position(tmp_path: Path) -> None:
    path = fills(
        tmp_path, "2022-01-01T00:00:00Z,BTCUSDT,buy,100,1,0.02,BTC", "2022-01-01T01:00:00Z,BTCUSDT,sell,110,0.98,0,"
    )

    (found,) = outcomes(path)

    assert found.pnl == pytest.approx(0.98 * 110 - 100)


def test_a_fee_in_a_third_coin_and_what_is_still_open_are_left_out_by_name(tmp_path: Path) -> None:
    path = fills(
        tmp_path,
        "2022-01-01T00:00:00Z,BTCUSDT,buy,100,1,0.001,BNB",
        "2022-01-01T01:00:00Z,BTCUSDT,sell,110,1,0.001,BNB",
        "2022-01-01T02:00:00Z,BTCUSDT,buy,100,1,0,",
        "2022-01-01T03:00:00Z,BTCUSDT,buy,0,1,0,",
    )

    complaints = [one.complaint or "" for one in told(path)]

    assert "a price and a quantity above 0" in complaints[0]
    assert "a fee in BNB" in complaints[1]
    assert "1 still open" in complaints[2]


def test_ids_are_the_same_where_more_has_come_after(tmp_path: Path) -> None:
    lines = [f"2022-01-01T0{hour}:00:00Z,BTCUSDT,{side},100,1,0," for hour, side in enumerate(("buy", "sell", "buy"))]
    before = outcomes(fills(tmp_path, *lines[:2]))

    after = outcomes(fills(tmp_path, *lines, "2022-01-01T04:00:00Z,BTCUSDT,sell,101,1,0,"))

    assert after[0] == before[0]
    assert len({one.trade_id for one in after}) == 2


def test_times_without_a_zone_are_not_guessed(tmp_path: Path) -> None:
    path = fills(tmp_path, "2022-01-01 00:00:00,BTCUSDT,buy,100,1,0,", "2022-01-01 01:00:00,BTCUSDT,sell,101,1,0,")

    with pytest.raises(InvalidInput, match="--timezone UTC"):
        told(path)
    assert outcomes(path, timezone="UTC")[0].opened_at_ms == FIRST_MS


def test_real_backtest_trades_are_whole() -> None:
    found = outcomes(real("samples/freqtrade/backtest_trades_50.json"))

    assert len(found) == 50
    assert len({one.trade_id for one in found}) == 50
    for one in found:
        assert one.pnl is not None
        assert one.entry_price is not None
        assert completed(one).closed_at_ms == one.closed_at_ms
