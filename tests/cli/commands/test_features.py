"""features: which stream is meant, a page that is there or not, and the newest values as text."""

import json
from pathlib import Path

import pytest

from ml_service.cli.wiring import open_market, open_store
from ml_service.domain.market.candles import Candles, Stream
from ml_service.features import FEATURES, indicators
from ml_service.features.schema import SCHEMA
from ml_service.settings import load_settings
from ml_service.usecases.take_candles import LiveFeatures, take_candles
from ml_service.web.wire import iso
from tests.candles import BTC, HOUR_MS, changed, walk
from tests.cli.desk import Type

QUARTERS = Stream("kraken", "BTCUSDT", "15m")


@pytest.fixture
def taken(folder: Path) -> None:
    take(BTC, walk(900))
    take(QUARTERS, walk(100, seed=2, length_ms=HOUR_MS // 4))
    take(Stream("binance", "ETHUSDT", "1h"), walk(70, seed=3))


def take(stream: Stream, candles: Candles) -> None:
    settings = load_settings()
    with open_market(settings) as market, open_store(settings) as tools:
        take_candles(stream, candles, market=market, store=tools.store, live=LiveFeatures(), now_ms=tools.now_ms())


@pytest.mark.usefixtures("taken")
def test_a_page_is_written_once(typed: Type, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    words = ("features", "report", "--symbol", "btc/usdt", "--venue", "binance", "--html", str(out))

    ended, again = typed(*words), typed(*words)

    assert (ended.status, ended.out) == (0, f"900 bars, 25 columns: {out}\n")
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert again.status == 2
    assert "--force" in again.err


@pytest.mark.usefixtures("taken")
def test_a_document_says_what_the_page_says_from_the_window_that_was_asked_for(typed: Type) -> None:
    at = walk(900).opened_at_ms
    since, until = iso(int(at[800])), iso(int(at[850]))

    ended = typed(
        "features", "report", "--symbol", "BTCUSDT", "--interval", "1h", "--since", since, "--until", until, "--json"
    )

    told = json.loads(ended.out)
    assert (told["quality"]["rows"], told["bars_before"]) == (50, 761)
    assert told["quality"]["first_ms"] == at[800]
    assert told["schema_hash"] == SCHEMA.hash
    assert [one["name"] for one in told["features"]] == list(FEATURES)
    assert {one["missing"]["warm_up"] for one in told["features"]} == {0}


@pytest.mark.usefixtures("taken")
def test_where_several_streams_may_be_meant_they_are_listed_and_the_option_named(typed: Type, tmp_path: Path) -> None:
    out = tmp_path / "out.html"

    ended = typed("features", "report", "--symbol", "BTCUSDT", "--html", str(out))

    assert ended.status == 1
    assert ended.err.startswith("invalid_input: venue and interval: expected --venue and --interval")
    assert "--venue binance --interval 1h; --venue kraken --interval 15m" in ended.err
    assert not out.exists()


@pytest.mark.usefixtures("taken")
def test_where_there_are_no_candles_it_says_what_there_is(typed: Type) -> None:
    for words, said in (
        (("DOGEUSDT",), "of: BTCUSDT, ETHUSDT; import some with `python -m ml_service data import"),
        (("ETHUSDT", "--interval", "1m"), "but: binance ETHUSDT 1h"),
        (("ETHUSDT", "--since", "2100-01-01"), "of binance ETHUSDT 1h between since and until"),
    ):
        ended = typed("features", "report", "--symbol", *words, "--json")

        assert (ended.status, ended.out) == (1, "")
        assert "not_found: there are no" in ended.err
        assert said in ended.err


def test_an_empty_store_says_how_to_fill_it(typed: Type) -> None:
    ended = typed("features", "report", "--symbol", "BTCUSDT", "--json")

    assert ended.status == 1
    assert "python -m ml_service data import" in ended.err


def test_a_report_that_would_go_nowhere_is_refused(typed: Type) -> None:
    assert typed("features", "report", "--symbol", "BTCUSDT").status == 2


def test_the_list_tells_each_feature(typed: Type) -> None:
    ended, document = typed("features", "list"), typed("features", "list", "--json")

    assert ended.status == 0
    for name, feature in FEATURES.items():
        assert f"{name:22} {feature.group:11} warm-up {feature.warm_up:>3}" in ended.out
    assert "RSI 14: how much of the recent movement was upwards" in ended.out
    assert SCHEMA.hash in ended.out
    told = {one["name"]: one for one in json.loads(document.out)}
    assert list(told) == list(FEATURES)
    assert told["macd"]["parameters"] == {"fast": 12, "slow": 26, "signal": 9}
    assert all(one["says"] for one in told.values())


def test_the_shelf_of_indicators_is_listed_where_it_is_asked_for(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicators, "INDICATORS", {"one_more": FEATURES["roc"]}, raising=False)

    told = json.loads(typed("features", "list", "--indicators", "--json").out)

    assert len(told) == len(FEATURES) + 1


@pytest.mark.usefixtures("taken")
def test_the_newest_row_of_each_stream_is_shown(typed: Type) -> None:
    ended, document = (typed("features", "show", "--symbol", "BTCUSDT", *more) for more in ((), ("--json",)))

    assert ended.status == 0
    assert "binance BTCUSDT 1h, the bar of " in ended.out
    assert "kraken BTCUSDT 15m, the bar of " in ended.out
    assert f"  {'spread':22} missing" in ended.out
    hours, quarters = json.loads(document.out)
    assert hours["stream"]["venue"] == "binance"
    candles = walk(900)
    assert hours["row"]["opened_at_ms"] == candles.opened_at_ms[-1]
    assert hours["row"]["values"]["rsi"] == pytest.approx(FEATURES["rsi"].batch(candles)[-1])
    assert hours["row"]["values"]["spread"] is None
    assert hours["row"]["regime"] is not None
    assert quarters["row"]["regime"] is None


@pytest.mark.usefixtures("taken")
def test_a_bar_that_was_corrected_is_shown_as_it_is_now(typed: Type) -> None:
    candles = walk(70, seed=3)
    close = 0.5 * float(candles.open[-1] + candles.close[-1])
    corrected = changed(candles, 69, close=close)
    take(Stream("binance", "ETHUSDT", "1h"), corrected[69:])

    (told,) = json.loads(typed("features", "show", "--symbol", "ETHUSDT", "--json").out)

    assert told["row"]["values"]["log_return"] == pytest.approx(FEATURES["log_return"].batch(corrected)[-1])
