"""Pictures over time: prices where they belong, shares that fill their column, and a dot where nothing moves."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ml_service.cli.report.charts import BOTTOM, HEIGHT, TOP
from ml_service.cli.report.features_over_time import SHARES_HEIGHT, price_axis, price_by_regime, regime_shares
from ml_service.domain.market.candles import Candles
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.report.picture import Picture, picture
from tests.candles import HOUR_MS, walk


def pictured(candles: Candles) -> Picture:
    return picture(candles, regimes_of(candles), np.ones(len(candles), bool), HOUR_MS, 774)


@pytest.mark.parametrize(
    ("low", "high", "unit"),
    [
        (20_000.0, 60_000.0, "quote currency"),
        (3_000.0, 100_000.0, "quote currency, logarithmic"),
        (1.2e-5, 1.9e-5, "10⁻⁶ of the quote currency"),
        (1e-9, 9e-6, "10⁻⁶ of the quote currency, logarithmic"),
    ],
)
def test_an_axis_holds_its_prices_and_says_how_they_are_written(low: float, high: float, unit: str) -> None:
    axis = price_axis(low, high)

    assert axis.unit == unit
    assert TOP <= axis.at(high) < axis.at(low) <= HEIGHT - BOTTOM
    assert 2 <= axis.ticks().count("<text") <= 8
    labels = re.findall(r'end">([^<]+)<', axis.ticks())
    assert all(len(label) <= 9 for label in labels), labels


def test_a_market_that_stands_still_is_a_line_of_dots() -> None:
    candles = walk(40)
    flat = np.full(40, 7.0)

    drawn = price_by_regime(pictured(replace(candles, open=flat, high=flat, low=flat, close=flat)))

    ends = [(float(one), float(other)) for one, other in re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", drawn)]
    assert len(ends) == 40
    assert {round(one - other, 1) for one, other in ends} == {1.0}


def test_shares_fill_each_column_from_the_bottom_to_the_top() -> None:
    drawn = regime_shares(pictured(walk(3_000)))

    boxes = re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H", drawn)
    filled: dict[str, float] = {}
    for left, foot, _, top in boxes:
        filled[left] = filled.get(left, 0.0) + float(foot) - float(top)
    assert len(filled) == 129
    assert list(filled.values()) == pytest.approx([SHARES_HEIGHT] * 129, abs=0.3)
    assert {right for *_, right, _ in boxes} - {left for left, *_ in boxes} == {"844.0"}
