"""The figures of the report: equal to those worked out directly, with a reason for each missing value."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.cli.report import features_figures
from ml_service.cli.report.features_figures import Missing, features_report, needed, says
from ml_service.domain.market.candles import Candles
from ml_service.domain.market.quality import quality
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.regime_report import regime_report
from ml_service.domain.report.columns import QUANTILES
from ml_service.features import FEATURES
from ml_service.features.rows import table
from ml_service.features.schema import SCHEMA
from tests.candles import BTC, HOUR_MS, changed, walk


def booked(candles: Candles, seed: int = 1) -> Candles:
    """With an order book beside each bar."""
    random = np.random.default_rng(seed)
    sizes = random.uniform(1.0, 9.0, (4, len(candles)))
    return replace(
        candles,
        taker_buy=0.4 * candles.volume,
        best_bid=candles.close * 0.9999,
        best_ask=candles.close * 1.0001,
        **dict(zip(("bid_top", "ask_top", "bid_ten", "ask_ten"), sizes, strict=True)),
    )


def test_figures_are_those_of_the_features_and_the_regimes_themselves() -> None:
    candles = walk(1_500)

    found = features_report(BTC, candles, made_at_ms=7)

    rows = table(candles)
    for column, one in zip(rows.T, found.features, strict=True):
        told = column[np.isfinite(column)]
        assert one.missing.count == column.size - told.size, one.name
        if told.size:
            assert one.column.quantiles == pytest.approx(np.quantile(told, QUANTILES)), one.name
    assert [one.name for one in found.features] == list(SCHEMA.names)
    assert found.regimes == regime_report(candles, regimes_of(candles))
    assert found.quality == quality(candles, HOUR_MS)
    assert (found.schema_hash, found.schema_version, found.made_at_ms) == (SCHEMA.hash, SCHEMA.version, 7)


def test_a_window_says_what_was_said_at_the_time_with_no_warm_up_of_its_own() -> None:
    candles = walk(2_000)

    whole = regimes_of(candles)
    found = features_report(BTC, candles, made_at_ms=0, before=1_000)

    assert found.quality.rows == found.regimes.bars == 1_000
    assert found.regimes.unknown == int(np.count_nonzero(whole.code[1_000:] < 0)) == 0
    assert {one.missing.warm_up for one in found.features} == {0}
    assert found.picture.begin_ms == candles.opened_at_ms[1_000]
    rsi = next(one for one in found.features if one.name == "rsi")
    assert rsi.column.quantiles == pytest.approx(np.quantile(FEATURES["rsi"].batch(candles)[1_000:], QUANTILES))


def test_each_missing_value_has_its_reason() -> None:
    candles = booked(walk(300))
    candles.volume[100] = 0.0
    candles.taker_buy[100] = 0.0
    candles.bid_top[200:210] = np.nan

    found = {one.name: one.missing for one in features_report(BTC, candles, made_at_ms=0).features}

    assert found["log_return"] == Missing(1, 1, 0, 0)
    assert found["volume_ratio_5"] == Missing(5, 4, 0, 1)
    assert found["trade_flow"] == Missing(1, 0, 0, 1)
    assert found["book_imbalance_top"] == Missing(10, 0, 10, 0)
    assert found["book_imbalance_ten"] == Missing(0, 0, 0, 0)


def test_without_an_order_book_all_of_its_features_are_missing_for_that_reason() -> None:
    found = features_report(BTC, walk(300), made_at_ms=0)

    book = [name for name, feature in FEATURES.items() if feature.group == "book"]
    assert {one.name: one.missing for one in found.features if one.name in book} == {
        name: Missing(300, 0, 300, 0) for name in book
    }
    assert list(found.correlations.never_told) == book
    assert set(found.correlations.names) == set(FEATURES) - set(book)


def test_what_a_feature_cannot_do_without_is_found_out() -> None:
    assert needed(FEATURES["trade_flow"]) == ("taker_buy",)
    assert needed(FEATURES["spread"]) == ("best_bid", "best_ask")
    assert set(needed(FEATURES["microprice_deviation"])) == {"best_bid", "best_ask", "bid_top", "ask_top"}
    assert needed(FEATURES["depth_ratio"]) == ("bid_ten", "ask_ten")
    assert not any(needed(feature) for feature in FEATURES.values() if feature.group != "book")


def test_each_feature_says_what_it_is_in_one_line() -> None:
    told = {name: says(feature) for name, feature in FEATURES.items()}

    assert all(told.values())
    assert "5 bars" in told["mean_distance_5"]
    assert told["rsi"].startswith("RSI 14")


def test_pairs_that_say_the_same_are_named_and_a_sample_finds_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    candles = walk(1_200)
    whole = features_report(BTC, candles, made_at_ms=0).correlations
    monkeypatch.setattr(features_figures, "SAMPLE_ROWS", 400)
    drawn = features_report(BTC, candles, made_at_ms=0).correlations

    for found, rows in ((whole, 1_200), (drawn, 400)):
        assert found.rows == rows
        pairs = {(pair.one, pair.other): pair.correlation for pair in found.nearly_same}
        assert pairs["stochastic_k", "williams_r"] == pytest.approx(1.0)
        assert min(abs(value) for value in pairs.values()) >= 0.95


def test_what_training_would_leave_out_is_told_for_the_window_alone() -> None:
    candles = walk(1_000)
    for place in (100, 700, 800):
        candles = changed(candles, place, volume=0.0)

    found = features_report(BTC, candles, made_at_ms=0, before=500).noise

    zero = next(one for one in found.reasons if one.reason == "zero_volume")
    assert (found.dropped, zero.count) == (2, 2)
    assert zero.opened_at_ms == tuple(candles.opened_at_ms[[700, 800]].tolist())
