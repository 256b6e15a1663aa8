"""Tables: columns by their usual names or as they were said, times in their zone, errors with their line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ml_service.adapters.market import json_bars, tables
from ml_service.adapters.market.found import Skipped
from ml_service.adapters.market.recognise import recognised
from ml_service.errors import InvalidInput
from tests.adapters.market.files import (
    FIRST_MS,
    HOUR_MS,
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
)

NAME = "BINANCE_BTCUSDT_1h.csv"


def test_a_text_without_a_zone_is_refused_until_the_zone_is_said(tmp_path: Path) -> None:
    rows = bars()
    path = text_csv(tmp_path / NAME, rows, zone="")

    with pytest.raises(InvalidInput, match="--timezone UTC"):
        read(path)
    assert same(read(path, timezone="UTC").candles, candles(rows, with_taker=False))
    assert read(path, timezone="+02:00").candles.opened_at_ms[0] == rows[0][0] - 2 * HOUR_MS
    assert read(path, timezone="America/New_York").candles.opened_at_ms[0] == rows[0][0] + 5 * HOUR_MS
    with pytest.raises(InvalidInput, match="timezone"):
        read(path, timezone="Europe/Nowhere")


def test_a_table_whose_stamps_have_no_zone_is_refused_too(tmp_path: Path) -> None:
    rows = bars()
    path = parquet(tmp_path / "BINANCE_BTCUSDT_1h.parquet", table(rows, zone=None))

    with pytest.raises(InvalidInput, match="--timezone UTC"):
        read(path)
    assert same(read(path, timezone="UTC").candles, candles(rows, with_taker=False))


def test_an_hour_that_the_clocks_have_twice_is_not_guessed(tmp_path: Path) -> None:
    rows = bars(4, first_ms=1_667_088_000_000)  # 2022-10-30 00:00, when Berlin has 02:00 twice.

    with pytest.raises(InvalidInput, match="timezone"):
        read(text_csv(tmp_path / NAME, rows, zone=""), timezone="Europe/Berlin")


def test_offsets_in_the_text_are_followed(tmp_path: Path) -> None:
    rows = bars(4)

    for zone, hours in (("Z", 0), (" UTC", 0), ("+0200", 2), ("-05:00", -5)):
        told = read(text_csv(tmp_path / NAME, rows, zone=zone))
        assert told.candles.opened_at_ms[0] == rows[0][0] - hours * HOUR_MS


def test_columns_are_known_by_many_names_or_said(tmp_path: Path) -> None:
    rows = bars(4)
    usual = text_csv(tmp_path / NAME, rows, "Date (UTC),Open Price,High,LOW,Close,Vol.")
    strange = text_csv(tmp_path / "strange_1h.csv", rows, "date,open,high,low,last_trade,volume")

    assert same(read(usual).candles, candles(rows, with_taker=False))
    assert isinstance(recognised(strange), Skipped)
    said = read(strange, columns={"close": "last_trade"}, venue="okx", symbol="BTCUSDT")
    assert same(said.candles, candles(rows, with_taker=False))
    with pytest.raises(InvalidInput, match='no column "nothing"'):
        read(usual, columns={"close": "nothing"})
    with pytest.raises(InvalidInput, match='before the "=", found "klose"'):
        read(usual, columns={"klose": "Close"})


def test_a_title_above_and_volumes_in_two_currencies_are_understood(tmp_path: Path) -> None:
    rows = bars(4)
    lines = [f"{row[0] // 1000},x,BTC/USDT,{','.join(row[1:6])},{row[7]}" for row in reversed(rows)]
    path = tmp_path / "Binance_BTCUSDT_1h.csv"
    head = "https://www.example.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USDT\n"
    path.write_text(head + "\n".join(lines) + "\n")

    told = read(path, venue="binance", symbol="BTCUSDT")

    assert same(told.candles, candles(rows, with_taker=False))
    assert told.volume_unit == "base"


def test_other_signs_between_columns_and_no_header_are_understood(tmp_path: Path) -> None:
    rows = bars(4)
    semicolons = tmp_path / NAME
    semicolons.write_text(text_csv(tmp_path / NAME, rows).read_text().replace(",", ";"))
    bare = text_csv(tmp_path / "OKX_BTCUSDT_1h.csv", rows)
    bare.write_text("\n".join(bare.read_text().splitlines()[1:]))

    assert same(read(semicolons).candles, candles(rows, with_taker=False))
    assert same(read(bare).candles, candles(rows, with_taker=False))


def test_without_a_volume_column_it_is_asked_for(tmp_path: Path) -> None:
    path = text_csv(tmp_path / NAME, bars(4), "timestamp,open,high,low,close,traded")

    with pytest.raises(InvalidInput, match="--column volume=NAME"):
        read(path)


def test_a_text_where_a_number_should_be_is_named_with_its_line(tmp_path: Path) -> None:
    rows = bars(30_000, length_ms=60_000)
    rows[29_000][3] = "n/k"

    with pytest.raises(InvalidInput, match=r'BTCUSDT-1m-2022-01\.csv, line 29001: low: expected a number, found "n/k"'):
        read(vision_csv(tmp_path / "BTCUSDT-1m-2022-01.csv", rows))
    with pytest.raises(InvalidInput, match=r'row 3: low: expected a number, found "n/k"'):
        read(rest_json(tmp_path / "BTCUSDT_1m.json", [*rows[:2], rows[29_000]]))
    with pytest.raises(InvalidInput, match=r'line 4: low: expected a number, found "n/k"'):
        read(text_csv(tmp_path / NAME, [*rows[:2], rows[29_000]]))


def test_a_time_that_is_none_is_named_with_its_row(tmp_path: Path) -> None:
    path = text_csv(tmp_path / NAME, bars(4))
    lines = path.read_text().splitlines()

    for wrong, said in (("31/12/2022 10:00", "row 2: expected a time such as"), ("", "row 2: expected a time")):
        path.write_text("\n".join([*lines[:2], wrong + "," + lines[2].partition(",")[2], *lines[3:]]))
        with pytest.raises(InvalidInput, match=said):
            read(path)
    path.write_text("\n".join([lines[0], *(f"{i}," + line.partition(",")[2] for i, line in enumerate(lines[1:]))]))
    with pytest.raises(InvalidInput, match="row 1: expected whole seconds"):
        read(path)


@pytest.mark.parametrize("write", [parquet, feather])
def test_a_table_that_unpacks_without_end_is_stopped(
    write: Callable[[Path, Any], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 200_000
    flat = pa.table(
        {"date": pa.array(np.arange(rows) * HOUR_MS + FIRST_MS)}
        | {name: np.ones(rows) for name in ("open", "high", "low", "close", "volume")}
    )
    path = write(tmp_path / f"BINANCE_BTCUSDT_1h.{write.__name__}", flat)
    assert len(read(path).candles) == rows

    monkeypatch.setattr(tables, "BINARY_BYTES_MAX", 4 << 20)

    with pytest.raises(InvalidInput, match="unpacks to more than 4194304 bytes"):
        read(path)


def test_a_table_in_many_pieces_is_read_whole_and_one_in_none_is_empty(tmp_path: Path) -> None:
    rows = bars(100)
    pieces, nothing = tmp_path / "BINANCE_BTCUSDT_1h.parquet", tmp_path / "BINANCE_ETHUSDT_1h.parquet"
    pyarrow.parquet.write_table(table(rows), pieces, row_group_size=7)
    pyarrow.parquet.write_table(table(rows)[:0], nothing)

    assert same(read(pieces).candles, candles(rows, with_taker=False))
    assert len(read(nothing).candles) == 0


def test_json_that_is_too_long_to_be_parsed_at_once_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rest_json(tmp_path / "binance_BTCUSDT_1h.json", bars(20_000))
    assert json_bars.BYTES_MAX <= 128 << 20
    assert len(read(path).candles) == 20_000

    monkeypatch.setattr(json_bars, "BYTES_MAX", 1 << 20)

    with pytest.raises(InvalidInput, match=r"larger than 1 MB, the most that is read at once; split it"):
        read(path)


@pytest.mark.parametrize("kept", [0.999, 0.6])
def test_a_file_that_was_cut_off_gives_nothing(kept: float, tmp_path: Path) -> None:
    rows = bars(200)
    whole = [
        vision_csv(tmp_path / "BTCUSDT-1h-2022-01.csv", rows),
        ccxt_json(tmp_path / "binance" / "BTC_USDT-1h.json", rows),
        ccxt_json(tmp_path / "binance" / "BTC_USDT-1h.json.gz", rows),
        feather(tmp_path / "binance" / "BTC_USDT-1h.feather", table(rows)),
        parquet(tmp_path / "binance" / "BTC_USDT-1h.parquet", table(rows)),
    ]

    for path in whole:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])
        with pytest.raises(InvalidInput, match="cut off"):
            read(path, venue="binance")


def test_a_note_in_the_file_goes_before_its_name(tmp_path: Path) -> None:
    noted = table(bars(4), "ts").replace_schema_metadata({"exchange": "OKX", "symbol": "ETHUSDT", "interval": "1h"})

    found = found_in(parquet(tmp_path / "BINANCE_BTCUSDT_5m.parquet", noted))

    assert (found.venue, found.symbol, found.interval) == ("okx", "ETHUSDT", "1h")
