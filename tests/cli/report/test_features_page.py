"""The page on features: what was planted appears, nothing foreign gets in, and the same comes out as the same bytes."""

import re
from dataclasses import replace
from html import escape, unescape
from xml.etree import ElementTree

import numpy as np
import orjson
import pytest

from ml_service.cli.report.features_document import document
from ml_service.cli.report.features_figures import FeaturesReport, features_report
from ml_service.cli.report.features_numbers import brief_signed
from ml_service.cli.report.features_page import page
from ml_service.cli.report.page import minute
from ml_service.domain.market.candles import Stream
from ml_service.features import FEATURES
from tests.candles import BTC, changed, walk
from tests.cli.report.test_page import EVIL, Tags

GAP = slice(600, 640)
SPIKE = 900
SILENT = 1_200


@pytest.fixture(scope="module")
def report() -> FeaturesReport:
    """A walk with a gap, a bar without trade and a bar that goes up by half."""
    candles = changed(walk(1_500), SILENT, volume=0.0)
    candles = changed(candles, SPIKE, high=60_000.0, close=1.5 * float(candles.close[SPIKE - 1]))
    there = np.ones(1_500, bool)
    there[GAP] = False
    return features_report(BTC, candles[there], made_at_ms=1_700_000_000_000)


@pytest.fixture(scope="module")
def html(report: FeaturesReport) -> str:
    return page(report)


def cells(html: str, first: str) -> list[str]:
    """Of the table's row that begins so."""
    found = re.search(rf"<tr><td>{re.escape(first)}</td>(.*?)</tr>", html)
    assert found, first
    return [unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", found[1])]


def opened(place: int) -> str:
    return minute(int(walk(1_500).opened_at_ms[place]))


def test_what_was_planted_appears(html: str) -> None:
    assert cells(html, "gaps") == ["1", "40 bars missing"]
    assert cells(html, opened(599)) == [opened(640), "40"]
    assert cells(html, "without volume") == ["1", opened(SILENT)]
    assert cells(html, "largest move") == ["+50.00 %", f"close to close, the bar of {opened(SPIKE)}"]
    assert cells(html, "zero volume")[0] == "1"
    assert cells(html, "after gap")[0] == "1"


def test_figures_on_the_page_are_those_of_the_document(report: FeaturesReport, html: str) -> None:
    told = orjson.loads(orjson.dumps(document(report)))

    for one in told["features"]:
        if one["column"]["told"]:
            expected = [f"{value:.3g}".replace("-", "−") for value in one["column"]["quantiles"]]
            assert cells(html, one["name"])[:7] == expected, one["name"]
            assert cells(html, one["name"])[7:] == [
                brief_signed(one["column"][name]) for name in ("drift", "autocorrelation")
            ]
    for one in told["regimes"]["figures"]:
        assert cells(html, one["regime"])[:2] == [f"{100 * one['share']:.1f} %", f"{one['bars']:,}"]
    for text in told["findings"]:
        assert f"<li>{escape(text)}</li>" in html
    assert told["stream"] == {"venue": "binance", "symbol": "BTCUSDT", "interval": "1h"}
    assert told["quality"]["gaps"]["longest"][0]["bars"] == 40
    assert "picture" not in told


def test_it_says_which_schema_and_names_every_feature(report: FeaturesReport, html: str) -> None:
    assert f"schema version {report.schema_version}, hash {report.schema_hash}" in html
    assert all(f"<td>{name}</td>" in html for name in FEATURES)
    assert html.count("<figcaption>") == 4 + len(report.correlations.names)
    assert "stochastic_k</td><td>williams_r" in html
    assert "drawn at random" not in html


def test_it_is_whole_and_needs_nothing_from_anywhere(html: str) -> None:
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert tags.names.isdisjoint({"script", "img", "link", "iframe", "object", "form", "a"})
    assert re.findall(r"(?:https?:|url\(|@import)", html) == []
    assert "nan" not in re.sub(r"\w*nan\w+", "", html.lower())
    for drawing in re.findall(r"<svg.*?</svg>", html):
        ElementTree.fromstring(drawing)


def test_a_spike_reaches_to_the_top_of_the_picture_and_a_gap_is_empty(report: FeaturesReport, html: str) -> None:
    drawing = re.search(r'aria-label="Price, lowest.*?</svg>', html)
    assert drawing
    lines = {float(x): float(top) for x, top in re.findall(r"M([\d.]+) [\d.]+V([\d.]+)", drawing[0])}
    picture = report.picture
    columns = picture.bars.size

    spike = int(np.nanargmax(picture.high))
    assert min(lines, key=lambda x: lines[x]) == pytest.approx(70 + (spike + 0.5) * 774 / columns, abs=0.1)
    assert len(lines) == int(np.count_nonzero(picture.bars)) == columns - 20
    missing = re.search(r">missing</text>(.*?)<rect class=\"lane\"", html)
    assert missing
    assert missing[1].count('class="mark"') == int(np.count_nonzero(picture.expected > picture.bars)) == 21


def test_what_comes_from_elsewhere_is_escaped(report: FeaturesReport) -> None:
    evil = replace(report, stream=Stream(EVIL, EVIL, "1h"), volume_unit=EVIL, schema_hash=EVIL)

    html = page(evil)

    assert "<script" not in html
    assert html.count(escape(EVIL)) >= 5


def test_the_same_input_gives_the_same_bytes_but_for_the_time_it_was_made(report: FeaturesReport, html: str) -> None:
    candles = walk(700)
    one, other = (page(features_report(BTC, candles, made_at_ms=at)) for at in (0, 60_000))

    assert one != other
    assert one.replace("1970-01-01 00:00", "1970-01-01 00:01") == other
    assert page(report) == html


def test_indicators_stand_in_a_table_where_they_are_asked_for(html: str) -> None:
    found = page(features_report(BTC, walk(200), made_at_ms=0, indicators={"roc": FEATURES["roc"]}))

    assert "Indicators for training" in found
    assert "1 indicators beside the features" in found
    assert "Indicators for training" not in html


@pytest.mark.parametrize("bars", [1, 2, 13, 70, 490])
def test_few_bars_are_no_trouble(bars: int) -> None:
    found = page(features_report(BTC, walk(bars), made_at_ms=0))

    assert f"Market features of {bars} bars" in found


def test_prices_that_stand_still_or_are_tiny_can_be_drawn() -> None:
    candles = walk(600)
    flat = np.full(600, 1.5e-7)
    still = replace(candles, open=flat, high=flat, low=flat, close=flat)
    rising = replace(candles, **{name: getattr(candles, name) * 1e-10 for name in ("open", "high", "low", "close")})

    assert "10⁻⁹ of the quote currency" in page(features_report(BTC, still, made_at_ms=0))
    assert "10⁻⁶ of the quote currency" in page(features_report(BTC, rising, made_at_ms=0))


def test_many_bars_make_hardly_a_larger_page(html: str) -> None:
    assert len(page(features_report(BTC, walk(6_000), made_at_ms=0))) < 1.25 * len(html)
