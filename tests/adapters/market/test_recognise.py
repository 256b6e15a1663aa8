"""Every form is found out from the file itself, and the same bars in any of them are the same candles."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml_service.adapters.market.found import Damaged, Found, Given, Skipped
from ml_service.adapters.market.recognise import interval_seen, read_bars, recognised, survey
from ml_service.errors import InvalidInput, NotFound
from ml_service.web.wire import symbol_of
from tests.adapters.market.files import (
    Rows,
    bars,
    candles,
    ccxt_json,
    feather,
    found_in,
    parquet,
    read,
    rest_json,
    same,
    table,
    text_csv,
    vision_csv,
    zipped,
)
from tests.market_data import real

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
SPOT = Path("data/spot/monthly/klines/BTCUSDT/1h")
VISION = "BTCUSDT-1h-2022-01.csv"

Write = Callable[[Path, Rows], Path]

WITH_TAKERS: dict[str, Write] = {
    "vision csv": lambda folder, rows: vision_csv(folder / SPOT / VISION, rows),
    "vision zip": lambda folder, rows: zipped(vision_csv(folder / SPOT / VISION, rows)),
    "vision with a header": lambda folder, rows: vision_csv(folder / SPOT / VISION, rows, HEADER),
    "vision in microseconds": lambda folder, rows: vision_csv(folder / SPOT / VISION, rows, times=1000),
    "rest json": lambda folder, rows: rest_json(folder / "binance_BTCUSDT_1h.json", rows),
}
WITHOUT_TAKERS: dict[str, Write] = {
    "ccxt json": lambda folder, rows: ccxt_json(folder / "binance_BTCUSDT_1h.json", rows),
    "freqtrade json": lambda folder, rows: ccxt_json(folder / "binance" / "BTC_USDT-1h.json", rows),
    "freqtrade json.gz": lambda folder, rows: ccxt_json(folder / "binance" / "BTC_USDT-1h.json.gz", rows),
    "freqtrade feather": lambda folder, rows: feather(folder / "binance" / "BTC_USDT-1h.feather", table(rows)),
    "freqtrade parquet": lambda folder, rows: parquet(folder / "binance" / "BTC_USDT-1h.parquet", table(rows)),
    "text times": lambda folder, rows: text_csv(folder / "BINANCE_BTCUSDT_1h.csv", rows),
    "parquet": lambda folder, rows: parquet(folder / "BINANCE_BTCUSDT_1h.parquet", table(rows, "ts")),
}


@pytest.mark.parametrize("form", [*WITH_TAKERS, *WITHOUT_TAKERS])
def test_the_same_bars_are_the_same_candles_in_every_form(form: str, tmp_path: Path) -> None:
    rows = bars()
    path = (WITH_TAKERS | WITHOUT_TAKERS)[form](tmp_path, rows)

    found = found_in(path)
    told = read_bars(found, Given())

    assert (found.venue, found.symbol, interval_seen(found, told)) == ("binance", "BTCUSDT", "1h")
    assert same(told.candles, candles(rows, form in WITH_TAKERS))
    assert (told.rows, told.repeated, told.contradicted) == (48, 0, ())
    assert found.missing == ()
    assert found.why


def test_the_unit_of_times_is_seen_row_by_row(tmp_path: Path) -> None:
    rows = bars()
    path = vision_csv(tmp_path / SPOT / VISION, rows[:24])
    later = vision_csv(tmp_path / "later.csv", rows[24:], times=1000)
    path.write_text(path.read_text() + later.read_text())

    told = read(path)

    assert told.time_unit == "ms and us"
    assert same(told.candles, candles(rows))


@pytest.mark.parametrize(("times", "unit"), [("s", "s"), ("ms", "ms"), ("us", "us"), ("ns", "ns")])
def test_numbers_tell_their_unit_by_their_size(times: str, unit: str, tmp_path: Path) -> None:
    rows = bars(4)
    factor = {"s": 1 / 1000, "ms": 1, "us": 1000, "ns": 1_000_000}[times]
    lines = [f"{int(row[0] * factor)},{','.join(row[1:6])}" for row in rows]
    path = tmp_path / "kraken_BTCUSD_1h.csv"
    path.write_text("unix,o,h,l,c,vol\n" + "\n".join(lines) + "\n")

    told = read(path)

    assert told.time_unit == unit
    assert same(told.candles, candles(rows, with_taker=False))


def test_quote_volume_shows_the_unit_of_the_volume(tmp_path: Path) -> None:
    rows = bars()
    swapped = [[*row[:5], row[7], row[6], row[5], *row[8:]] for row in rows]
    nonsense = [[*row[:7], "17.0", *row[8:]] for row in rows]

    assert read(vision_csv(tmp_path / SPOT / VISION, rows)).volume_unit == "base"
    assert read(vision_csv(tmp_path / SPOT / VISION, swapped)).volume_unit == "quote"
    assert read(vision_csv(tmp_path / SPOT / VISION, nonsense)).volume_unit == "unknown"
    contracts = tmp_path / "data/futures/cm/daily/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2022-01-01.csv"
    found = found_in(vision_csv(contracts, rows))
    assert (found.venue, found.symbol, found.volume_unit) == ("binancecoinm", "BTCUSDPERP", "unknown")


def test_a_perpetual_is_another_venue_than_spot(tmp_path: Path) -> None:
    rows = bars(4)
    vision = vision_csv(tmp_path / "data/futures/um/monthly/klines/BTCUSDT/1h" / VISION, rows)
    here = feather(tmp_path / "binance/futures/BTC_USDT_USDT-1h-futures.feather", table(rows))
    there = feather(tmp_path / "bybit/futures/BTC_USDT_USDT-1h-futures.feather", table(rows))

    assert [found_in(path).venue for path in (vision, here, there)] == ["binanceusdm", "binanceusdm", "bybitperp"]
    # As a bot names its signals that trades it through ccxt; the archive has the exchange's own name.
    assert [found_in(path).symbol for path in (vision, here, there)] == ["BTCUSDT", "BTCUSDTUSDT", "BTCUSDTUSDT"]
    assert found_in(here).symbol == symbol_of("BTC/USDT:USDT")
    assert found_in(here, symbol="BTCUSDT").symbol == "BTCUSDT"


def test_what_a_file_does_not_tell_is_asked_for_by_its_option(tmp_path: Path) -> None:
    path = vision_csv(tmp_path / VISION, bars(4))

    assert found_in(path).missing == ("--venue",)
    assert found_in(rest_json(tmp_path / "klines.json", bars(4))).missing == ("--venue", "--symbol")
    said = found_in(path, venue="binanceus", symbol="ETHUSDT")
    assert (said.venue, said.symbol, said.missing) == ("binanceus", "ETHUSDT", ())
    assert "venue binanceus: said by --venue" in said.why


def test_the_interval_is_seen_in_the_bars_and_a_wrong_name_is_refused(tmp_path: Path) -> None:
    minutes = bars(12, length_ms=300_000)
    unnamed = rest_json(tmp_path / "klines.json", minutes)
    wrong = rest_json(tmp_path / "klines_1h.json", minutes)
    one = rest_json(tmp_path / "one.json", minutes[:1])

    assert interval_seen(found_in(unnamed), read(unnamed)) == "5m"
    with pytest.raises(InvalidInput, match=r"said to hold 1h candles, but .* 5m apart.*--interval"):
        interval_seen(found_in(wrong), read(wrong))
    with pytest.raises(InvalidInput, match="--interval"):
        interval_seen(found_in(one), read(one))


def test_minutes_with_a_hole_of_an_hour_are_no_hours(tmp_path: Path) -> None:
    minutes = bars(300, length_ms=60_000)
    rows = minutes[:60] + minutes[119:]
    named, unnamed = rest_json(tmp_path / "klines_1h.json", rows), rest_json(tmp_path / "klines.json", rows)
    slower = rest_json(tmp_path / "klines_1m.json", bars(12))

    with pytest.raises(InvalidInput, match=r"said to hold 1h candles, but 2\d\d of 241 bars .* 1m apart"):
        interval_seen(found_in(named), read(named))
    assert interval_seen(found_in(unnamed), read(unnamed)) == "1m"
    with pytest.raises(InvalidInput, match=r"said to hold 1m candles, but its bars stand 1h apart"):
        interval_seen(found_in(slower), read(slower))
    # What was said is believed where the bars can be such.
    assert interval_seen(found_in(slower, interval="1m"), read(slower), "1m") == "1m"
    with pytest.raises(InvalidInput, match="said to hold 1h"):
        interval_seen(found_in(unnamed, interval="1h"), read(unnamed), "1h")


@pytest.mark.parametrize("minutes", [(0, 3, 6, 9, 13, 16), (1, 4, 7, 10, 13), (0, 2, 4, 7), (0, 7, 14)])
def test_minutes_with_holes_everywhere_are_not_guessed(minutes: tuple[int, ...], tmp_path: Path) -> None:
    every = bars(20, length_ms=60_000)
    path = rest_json(tmp_path / "klines.json", [every[at] for at in minutes])

    with pytest.raises(InvalidInput, match="say it with --interval"):
        interval_seen(found_in(path), read(path))
    assert interval_seen(found_in(path, interval="1m"), read(path), "1m") == "1m"


def test_one_bar_off_the_grid_does_not_keep_out_a_file_of_a_known_length(tmp_path: Path) -> None:
    rows = bars(48)
    path = rest_json(tmp_path / "klines_1h.json", [*rows[:10], [rows[10][0] + 60_000, *rows[10][1:]], *rows[11:]])

    assert interval_seen(found_in(path), read(path)) == "1h"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("binance/BTC_USDT-1h-mark.feather", "mark candles"),
        ("binance/BTC_USDT_USDT-8h-funding_rate.feather", "funding_rate candles"),
        ("binance/BTC_USDT-trades.feather", "public trades"),
        ("data/futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2022-01.feather", "markPriceKlines"),
        ("binance/BTC_USDT-1w.feather", "candles of 1w"),
        ("readme.md", "not a file that is read here"),
    ],
)
def test_what_are_no_candles_of_trades_is_left_out_with_a_reason(name: str, why: str, tmp_path: Path) -> None:
    found = recognised(feather(tmp_path / name, table(bars(4))))

    assert isinstance(found, Skipped)
    assert why in found.why


def test_a_folder_gives_every_file_once_and_names_the_damaged(tmp_path: Path) -> None:
    first = zipped(vision_csv(tmp_path / SPOT / VISION, bars(4)))
    vision_csv(tmp_path / SPOT / VISION, bars(4))
    broken = tmp_path / SPOT / "BTCUSDT-1h-2022-02.zip"
    broken.write_bytes(first.read_bytes()[:-30])
    (tmp_path / "notes.txt").write_text("nothing\n")
    (tmp_path / ".hidden.csv").write_text("t,o\n")

    kinds = {(one.path.name, type(one)) for one in survey(tmp_path, Given())}

    assert kinds == {
        (VISION, Skipped),
        ("BTCUSDT-1h-2022-01.zip", Found),
        ("BTCUSDT-1h-2022-02.zip", Damaged),
        ("notes.txt", Skipped),
    }
    with pytest.raises(NotFound, match="no file or folder"):
        list(survey(tmp_path / "none", Given()))


def test_what_is_said_of_a_folder_makes_no_one_stream_of_several(tmp_path: Path) -> None:
    rest_json(tmp_path / "binance_BTCUSDT_1h.json", bars(4))
    rest_json(tmp_path / "binance_BTCUSDT_5m.json", bars(4))
    rest_json(tmp_path / "binance_ETHUSDT_1h.json", bars(4))
    rest_json(tmp_path / "binance.json", bars(4))

    told = list(survey(tmp_path, Given(symbol="BTCUSDT", interval="1h")))

    assert [one.path.name for one in told if isinstance(one, Found)] == ["binance.json", "binance_BTCUSDT_1h.json"]
    assert [one.why for one in told if isinstance(one, Skipped)] == [
        "holds 5m, and 1h was asked for",
        "holds ETHUSDT, and BTCUSDT was asked for",
    ]


def test_rows_in_any_order_and_twice_become_candles_in_order_and_once(tmp_path: Path) -> None:
    rows = bars(10)
    newest_first = text_csv(tmp_path / "BINANCE_BTCUSDT_1h.csv", [*reversed(rows), rows[3]])

    told = read(newest_first)

    assert same(told.candles, candles(rows, with_taker=False))
    assert (told.rows, told.repeated, told.contradicted) == (11, 1, ())
    assert any("sorted" in why for why in told.why)


def test_of_two_rows_that_contradict_each_other_neither_is_taken(tmp_path: Path) -> None:
    rows = bars(10)
    other = [*rows[3][:4], rows[3][2], *rows[3][5:]]

    told = read(vision_csv(tmp_path / SPOT / VISION, [*rows[:4], other, *rows[4:]]))

    assert told.contradicted == (rows[3][0],)
    assert same(told.candles, candles(rows[:3] + rows[4:]))


def test_real_archives_and_answers_tell_the_same(tmp_path: Path) -> None:
    folder = "samples/binance_vision/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2022-01"
    archive = read(real(f"{folder}.zip"))
    answer = read(real("samples/binance_rest_klines_BTCUSDT_1h.json"))
    plain = read(real("samples/ccxt_fetch_ohlcv_BTCUSDT_1h.json"), venue="binance")
    text = read(real("samples/generic_datetime_naive_BTCUSDT_1h.csv"), venue="binance", timezone="UTC")

    assert len(archive.candles) == 744
    assert same(archive.candles, read(real(f"{folder}.csv")).candles)
    assert same(answer.candles, archive.candles[: len(answer.candles)])
    for told in (plain.candles, text.candles):
        for name in ("opened_at_ms", "open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(told, name), getattr(archive.candles, name)[: len(told)])


@pytest.mark.parametrize(
    ("name", "count", "unit", "volume"),
    [
        ("klines_open/BINANCE_BTCUSDT_30m.parquet", 17528, "ms", "base"),
        ("klines_open/BINANCEUS_BTCUSDT_1m.parquet", 30240, "ms", "unknown"),
        ("samples/freqtrade/binance/BTC_USDT-5m.feather", 864, "timestamp[ns]", "base"),
        ("samples/freqtrade/binance/SOL_USDT-15m.json.gz", 480, "ms", "base"),
        ("samples/generic_datetime_tz_BYBIT_BTCUSDT_5m.csv", 288, "timestamp[s]", "unknown"),
        (
            "samples/binance_vision/data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2025-10-10.zip",
            *(24, "us", "base"),
        ),
    ],
)
def test_real_files_are_read_whole(name: str, count: int, unit: str, volume: str) -> None:
    told = read(real(name))

    assert (len(told.candles), told.time_unit, told.volume_unit) == (count, unit, volume)
    assert np.all(told.candles.opened_at_ms % 60_000 == 0)
