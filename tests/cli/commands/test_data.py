"""data: candles and trades into the store, a look at them, and out again."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_service.adapters.market import exchange as exchange_adapter
from ml_service.domain.market.candles import Candles, Stream, candles_from, joined
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.market.quality import quality
from ml_service.errors import Conflict
from ml_service.ports import Period
from ml_service.settings import load_settings
from ml_service.usecases import import_candles as usecase
from ml_service.usecases.take_candles import take_candles
from tests.adapters.market.files import (
    FIRST_MS,
    HOUR_MS,
    Rows,
    bars,
    candles,
    rest_json,
    same,
    text_csv,
    vision_csv,
    zipped,
)
from tests.cli.desk import Ended, Type, store_of
from tests.exchange import exchange

BTC = Stream("binance", "BTCUSDT", "1h")
SPOT = Path("data/spot/monthly/klines/BTCUSDT/1h")
ROOT = Path(__file__).resolve().parents[3]
FROM_THE_FIRST = ("--symbol", "BTC/USDT", "--interval", "1h", "--since", "2022-01-01")


def stored(stream: Stream = BTC) -> Candles:
    from ml_service.cli.wiring import open_market

    with open_market(load_settings()) as market:
        return joined(market.candles(stream))


def archive(folder: Path, rows: Rows, month: str = "2022-01") -> Path:
    return zipped(vision_csv(folder / SPOT / f"BTCUSDT-1h-{month}.csv", rows))


def last_feature_row(stream: Stream = BTC) -> FeatureRow | None:
    from ml_service.cli.wiring import open_market

    with (
        open_market(load_settings()) as market,
        market.taking(stream, candles_from(())) as taking,
    ):
        return taking.newest_row()


def reported(ended: Ended) -> dict[str, Any]:
    """The first stream of the report."""
    stream: dict[str, Any] = json.loads(ended.out)["streams"][0]
    return stream


def test_an_archive_is_stored_and_twice_is_once(typed: Type, tmp_path: Path) -> None:
    rows = bars(200)
    path = archive(tmp_path, rows)

    first = typed("data", "import", str(path))
    again = typed("data", "import", str(path))

    assert (first.status, again.status) == (0, 0), first.err
    assert "new 200, same 0, corrected 0, refused 0" in first.out
    assert "new 0, same 200, corrected 0, refused 0" in again.out
    assert "units      time ms, volume base" in first.out
    assert first.out.rstrip().endswith("done")
    assert first.err == f"{path.name}\n"
    row = last_feature_row()
    assert row is not None
    assert row.opened_at_ms == rows[-1][0]
    assert same(stored(), candles(rows))


def test_the_report_tells_what_is_odd_about_the_bars(typed: Type, tmp_path: Path) -> None:
    rows = bars(100)
    rows[50][5] = rows[50][9] = "0.0"
    rows[60][2] = "1.0"
    rows = [*rows[:10], *rows[15:70], rows[69], *rows[70:]]

    ended = typed("data", "import", str(vision_csv(tmp_path / SPOT / "BTCUSDT-1h-2022-01.csv", rows)), "--json")

    told = reported(ended)
    assert ended.status == 3
    assert (told["rows"], told["new"], told["refused"], told["repeated"]) == (96, 94, 1, 1)
    assert told["refused_bars"] == [{"opened_at_ms": FIRST_MS + 60 * HOUR_MS, "why": told["refused_bars"][0]["why"]}]
    assert told["quality"]["gaps"]["missing_bars"] == 5
    assert told["quality"]["zero_volume"]["count"] == 1
    assert told["quality"]["violating"]["count"] == 1
    assert (told["time_unit"], told["volume_unit"]) == ("ms", "base")


def test_a_dry_run_reads_everything_and_keeps_nothing(typed: Type, folder: Path, tmp_path: Path) -> None:
    ended = typed("data", "import", str(archive(tmp_path, bars())), "--dry-run")

    assert ended.status == 0
    assert "rows       48" in ended.out
    assert ended.out.rstrip().endswith("a dry run, nothing was kept")
    assert not list(folder.glob("*.db"))


def test_a_damaged_file_stops_no_other_and_is_never_called_done(typed: Type, tmp_path: Path) -> None:
    rows = bars(96)
    archive(tmp_path, rows[:48])
    cut = archive(tmp_path, rows[48:], "2022-02")
    cut.with_name(f"{cut.name}.CHECKSUM").unlink()
    cut.write_bytes(cut.read_bytes()[:-40])

    ended = typed("data", "import", str(tmp_path))

    assert ended.status == 1
    assert re.search(r"^FAILED .*2022-02\.zip.*damaged or cut off", ended.out, re.MULTILINE)
    assert "not complete" in ended.out
    assert same(stored(), candles(rows[:48]))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "--venue"),
        (("--venue", "okx", "--symbol", "BTCUSDT"), "--timezone UTC"),
        (("--venue", "okx", "--symbol", "BTCUSDT", "--timezone", "Mars"), "timezone"),
        (("--column", "close"), "close=Close"),
        (("--interval", "7m"), "expected one of 1m"),
        (("--since", "soon"), "a UTC time"),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(more: tuple[str, ...], said: str, typed: Type, tmp_path: Path) -> None:
    path = text_csv(tmp_path / "prices.csv", bars(), zone="")

    ended = typed("data", "import", str(path), *more)

    assert ended.status in (1, 2)
    assert said in re.sub(r"[│\s]+", " ", ended.err)
    assert "Traceback" not in ended.err


def test_what_was_said_is_followed(typed: Type, tmp_path: Path) -> None:
    rows = bars()
    path = text_csv(tmp_path / "prices.csv", rows, "when,open,high,low,last,volume", zone="")
    words = ("--venue", "OKX", "--symbol", "btc-usdt", "--timezone", "UTC", "--column", "time=when")

    ended = typed("data", "import", str(path), *words, "--column", "close=last", "--volume-unit", "quote", "--json")

    assert ended.status == 0, ended.err
    assert reported(ended)["volume_unit"] == "quote"
    assert same(stored(Stream("okx", "BTCUSDT", "1h")), candles(rows, with_taker=False))


def test_only_the_last_bar_is_corrected(typed: Type, tmp_path: Path) -> None:
    rows = bars()
    typed("data", "import", str(rest_json(tmp_path / "binance_BTCUSDT_1h.json", rows)))
    for at in (10, 47):
        rows[at] = [*rows[at][:4], rows[at][2], *rows[at][5:]]

    ended = typed("data", "import", str(rest_json(tmp_path / "binance_BTCUSDT_1h.json", rows)), "--json")

    told = reported(ended)
    assert ended.status == 3
    assert (told["same"], told["corrected"], told["refused"]) == (46, 1, 1)
    assert stored().close[47] == float(rows[47][4])
    assert stored().close[10] != float(rows[10][4])


def test_what_was_stopped_between_two_portions_goes_on(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usecase, "ROWS_AT_ONCE", 50)
    rows = bars(200)
    path = archive(tmp_path, rows)
    portions = []

    def until_ctrl_c(*words: Any, **named: Any) -> Any:
        portions.append(words)
        if len(portions) == 3:
            raise KeyboardInterrupt
        return take_candles(*words, **named)

    monkeypatch.setattr("ml_service.cli.importing.run.take_candles", until_ctrl_c)
    stopped = typed("data", "import", str(path))
    kept = len(stored())
    monkeypatch.setattr("ml_service.cli.importing.run.take_candles", take_candles)
    again = typed("data", "import", str(path))

    assert (stopped.status, kept) == (130, 100)
    assert "stopped before the end" in stopped.out
    assert "new 100, same 100" in again.out
    assert same(stored(), candles(rows))


def test_what_was_killed_in_the_middle_goes_on(typed: Type, tmp_path: Path) -> None:
    rows = bars(40_000, length_ms=60_000)
    path = vision_csv(tmp_path / "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2022-01.csv", rows)
    minutes = Stream("binance", "BTCUSDT", "1m")
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_service", "data", "import", str(path)],
        cwd=ROOT, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and not some_are_there():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(stored(minutes))

    ended = typed("data", "import", str(path), "--json")

    assert kept % 20_000 == 0
    assert (reported(ended)["new"], reported(ended)["same"]) == (40_000 - kept, kept)
    assert same(stored(minutes), candles(rows))


def some_are_there() -> bool:
    """Seen past the store, which would bring its tables up before the import does."""
    try:
        with closing(sqlite3.connect(load_settings().data_dir / "market.db")) as connection:
            return connection.execute("SELECT 1 FROM candles LIMIT 1").fetchone() is not None
    except sqlite3.OperationalError:
        return False


def test_an_exchange_is_followed_from_where_it_was_left(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = bars(1300)
    with exchange(rows[:1100]) as played:
        first = typed("data", "import", "ccxt:binance", *FROM_THE_FIRST, "--until", "2022-02-20", "--url", played.url)
        # The last bar turns out otherwise, and there are more.
        rows[1099] = [*rows[1099][:4], rows[1099][2], *rows[1099][5:]]
        played.rows, played.asked = rows, []
        words = ("--symbol", "BTCUSDT", "--interval", "1h", "--until", "2022-02-20", "--url", played.url, "--json")
        again = typed("data", "import", "ccxt:binance", *words)

    told = reported(again)
    assert (first.status, again.status) == (0, 0), first.err + again.err
    assert "new 1100, same 0" in first.out
    assert (told["new"], told["same"], told["corrected"]) == (100, 0, 1)
    assert played.asked[0]["startTime"] == str(rows[1099][0])
    assert same(stored(), candles(rows[:1200]))


def test_a_hole_in_the_store_is_asked_for_and_nothing_else(typed: Type, tmp_path: Path) -> None:
    rows = bars(3000)
    typed("data", "import", str(archive(tmp_path, rows[:100] + rows[1200:])))

    with exchange(rows) as played:
        ended = typed("data", "import", "ccxt:binance", *FROM_THE_FIRST, "--until", "2022-05-06", "--url", played.url)

    assert ended.status == 0, ended.err
    assert [(int(one["startTime"]) - FIRST_MS) // HOUR_MS for one in played.asked] == [100, 1100, 2999]
    assert same(stored(), candles(rows))


def test_an_exchange_that_fails_for_good_leaves_what_it_gave_and_says_so(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_adapter, "ATTEMPTS_MAX", 1)
    rows = bars(1300)
    with exchange(rows, after=1, failing=1000) as played:
        ended = typed("data", "import", "ccxt:binance", *FROM_THE_FIRST, "--until", "2022-03-01", "--url", played.url)

    assert ended.status == 1
    assert "FAILED      ccxt:binance BTC/USDT: binance did not answer" in ended.out
    assert same(stored(), candles(rows[:1000]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ccxt:binance",), "--symbol and --interval"),
        (("ccxt:mtgox", "--symbol", "BTCUSDT", "--interval", "1h"), "mtgox"),
        (("nowhere.csv",), "no file or folder"),
    ],
)
def test_a_source_that_is_none_is_refused(words: tuple[str, ...], said: str, typed: Type) -> None:
    ended = typed("data", "import", *words)

    assert ended.status in (1, 2)
    assert said in ended.err


def test_a_first_import_from_an_exchange_has_to_be_told_since_when(typed: Type) -> None:
    with exchange(bars(4)) as played:
        ended = typed("data", "import", "ccxt:binance", "--symbol", "BTCUSDT", "--interval", "1h", "--url", played.url)

    assert ended.status == 2
    assert "--since" in ended.err


def test_trades_become_outcomes_of_a_user_once(typed: Type, tmp_path: Path) -> None:
    path = tmp_path / "fills.csv"
    path.write_text(
        "time,symbol,side,price,quantity,fee\n"
        "2022-01-01T00:00:00Z,BTC/USDT,buy,100,1,0.1\n"
        "2022-01-01T01:00:00Z,BTC/USDT,sell,110,1,0.1\n"
        "2022-01-01T02:00:00Z,BTC/USDT,buy,110,1,0.1\n"
    )

    nobodys = typed("data", "import", str(path))
    first = typed("data", "import", str(path), "--user", "ada", "--json")
    again = typed("data", "import", str(path), "--user", "ada", "--json")

    assert (nobodys.status, first.status) == (1, 3)
    assert "--user" in nobodys.err
    assert json.loads(first.out)["outcomes"]["created"] == 1
    assert json.loads(again.out)["outcomes"]["duplicate"] == 1
    assert "still open" in json.loads(first.out)["outcomes"]["refused"][0]
    database, store = store_of(load_settings())
    with store.read() as reading:
        (kept,) = reading.outcomes("ada", Period(), None, 10).items
    database.close()
    assert [kept.outcome.source, kept.outcome.pnl] == ["import", pytest.approx(9.8)]


def test_fills_of_a_folder_are_put_together_over_its_months(typed: Type, tmp_path: Path) -> None:
    months = tmp_path / "fills"
    months.mkdir()
    head = "time,symbol,side,price,quantity,fee\n"
    (months / "01.csv").write_text(f"{head}2022-01-31T00:00:00Z,BTC/USDT,buy,100,1,0\n")
    (months / "02.csv").write_text(
        f"{head}2022-02-01T00:00:00Z,BTC/USDT,sell,110,1,0\n"
        "2022-02-02T00:00:00Z,BTC/USDT,buy,100,1,0\n2022-02-03T00:00:00Z,BTC/USDT,sell,105,1,0\n"
    )

    half = typed("data", "import", str(months / "02.csv"), "--user", "ada", "--json", "--dry-run")
    short = typed("data", "import", str(months / "02.csv"), "--user", "ada", "--json", "--dry-run", "--shorts")
    ended = typed("data", "import", str(months), "--user", "ada", "--json")

    assert (half.status, ended.status) == (3, 0), ended.err
    assert "its first fill" in json.loads(half.out)["outcomes"]["refused"][0]
    assert json.loads(short.out)["outcomes"]["read"] == 1
    database, store = store_of(load_settings())
    with store.read() as reading:
        kept = reading.outcomes("ada", Period(), None, 10).items
    database.close()
    assert sorted((one.outcome.side, one.outcome.pnl) for one in kept) == [("BUY", 5.0), ("BUY", 10.0)]


def test_of_fills_that_cannot_all_be_read_no_trade_is_made(typed: Type, tmp_path: Path) -> None:
    months = tmp_path / "fills"
    months.mkdir()
    head = "time,symbol,side,price,quantity,fee\n"
    (months / "01.csv").write_text(f"{head}2022-01-31T00:00:00Z,BTC/USDT,buy,100,1,0\n2022-01-31T00:00:00Z,BTC/U")
    (months / "02.csv").write_text(f"{head}2022-02-01T00:00:00Z,ETH/USDT,buy,110,1,0\n")

    ended = typed("data", "import", str(months), "--user", "ada", "--json")

    told = json.loads(ended.out)
    assert (ended.status, told["outcomes"]["read"]) == (1, 0)
    (failed,) = told["failed"]
    assert failed["file"] == "01.csv, 02.csv"
    assert "01.csv, line 3: expected 6 columns" in failed["why"]


def test_a_file_in_another_unit_than_its_stream_fails_and_the_others_go_on(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = bars(96)
    archive(tmp_path, rows[:48])
    swapped = archive(tmp_path, [[*row[:5], row[7], row[6], row[5], *row[8:]] for row in rows[48:72]], "2022-02")
    archive(tmp_path, rows[72:], "2022-03")

    def told_unit(*words: Any, **named: Any) -> Any:
        if named.get("volume_unit") == "quote":
            raise Conflict("binance BTCUSDT 1h is in base units, these are in quote")
        return take_candles(*words, **named)

    monkeypatch.setattr("ml_service.cli.importing.run.take_candles", told_unit)
    ended = typed("data", "import", str(tmp_path), "--json")
    alone = typed("data", "import", str(swapped))

    (failed,) = json.loads(ended.out)["failed"]
    assert (ended.status, alone.status) == (1, 1)
    assert failed == {"file": str(swapped), "why": "binance BTCUSDT 1h is in base units, these are in quote"}
    assert f"FAILED      {swapped}: binance BTCUSDT 1h is in base units" in alone.out
    assert same(stored(), candles(rows[:48] + rows[72:]))


def test_what_is_there_is_listed_shown_and_checked(typed: Type, tmp_path: Path) -> None:
    assert typed("data", "list").out == "no candles in the store\n"
    rows = bars(100)
    typed("data", "import", str(archive(tmp_path, rows[:40] + rows[43:])))

    listed, machines = typed("data", "list"), typed("data", "list", "--json")
    shown = typed("data", "show", "binance/BTCUSDT/1h", "--last", "2")
    checked = typed("data", "check", "btcusdt", "--json")

    assert re.search(r"binance/BTCUSDT/1h +97 bars .* 1 gaps, 3 bars missing", listed.out)
    assert json.loads(machines.out)[0] == {
        "venue": "binance",
        "symbol": "BTCUSDT",
        "interval": "1h",
        "bars": 97,
        "first_ms": FIRST_MS,
        "last_ms": FIRST_MS + 99 * HOUR_MS,
        "volume_unit": "base",
        "gaps": 1,
        "missing_bars": 3,
    }
    assert len(shown.out.splitlines()) == 3
    assert "taker_buy" in shown.out
    assert "best_bid" not in shown.out
    assert (checked.status, json.loads(checked.out)["sound"]) == (0, True)
    assert typed("data", "show", "ETHUSDT").status == 1


def test_bars_that_are_wrong_in_the_store_are_told_by_the_exit_status(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("data", "import", str(archive(tmp_path, bars())))
    wrong = "ml_service.cli.importing.tally.quality"
    monkeypatch.setattr(wrong, lambda told, length: quality(upside_down(told), length))

    ended = typed("data", "check", "BTCUSDT")

    assert ended.status == 3
    assert "OHLC violations 48" in ended.out
    assert "NOT sound" in ended.out


def upside_down(told: Candles) -> Candles:
    return replace(told, high=told.low, low=told.high)


@pytest.mark.parametrize("form", ["csv", "parquet", "feather"])
def test_what_was_written_out_is_read_in_as_it_was(form: str, typed: Type, tmp_path: Path) -> None:
    rows = bars()
    typed("data", "import", str(archive(tmp_path, rows)))
    out = tmp_path / f"out.{form}"

    ended = typed("data", "export", "BTCUSDT", "--format", form, "--out", str(out))
    refused = typed("data", "export", "BTCUSDT", "--format", form, "--out", str(out))
    words = ("--venue", "other", "--symbol", "BTCUSDT")
    again = typed("data", "import", str(out), *words)

    assert (ended.status, ended.out) == (0, f"48 bars of binance/BTCUSDT/1h in {out}\n")
    assert refused.status == 2
    assert again.status == 0, again.err
    assert same(stored(Stream("other", "BTCUSDT", "1h")), candles(rows))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_part_of_a_stream_can_be_written_out(typed: Type, tmp_path: Path) -> None:
    typed("data", "import", str(archive(tmp_path, bars())))
    out = tmp_path / "out.csv"

    ended = typed(
        "data", "export", "BTCUSDT", "--out", str(out), "--since", "2022-01-01T10:00Z", "--until", "2022-01-02"
    )

    assert ended.out.startswith("14 bars")
    first = out.read_text().splitlines()[1].split(",")
    assert np.int64(first[0]) == FIRST_MS + 10 * HOUR_MS
