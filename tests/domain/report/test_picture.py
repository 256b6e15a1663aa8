"""The picture: many bars in few columns, and none of what matters lost."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.domain.market.candles import Candles
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.report.picture import Picture, picture
from tests.candles import HOUR_MS, changed, walk


def pictured(candles, columns: int, keep=None) -> Picture:
    keep = np.ones(len(candles), bool) if keep is None else keep
    return picture(candles, regimes_of(candles), keep, HOUR_MS, columns)


@pytest.mark.parametrize("columns", [1, 7, 100, 999, 1_000, 5_000])
def test_every_bar_is_counted_once_and_every_price_lies_within(columns: int) -> None:
    candles = walk(1_000)

    found = pictured(candles, columns)

    assert found.bars.size == min(columns, 1_000)
    assert found.bars.tolist() == found.expected.tolist()
    assert found.bars.sum() == found.regimes.sum() == 1_000
    assert (np.nanmin(found.low), np.nanmax(found.high)) == (candles.low.min(), candles.high.max())
    codes = regimes_of(candles).code
    assert found.regimes.sum(axis=0).tolist() == [np.count_nonzero(codes == code) for code in (0, 1, 2, 3, -1)]


def test_a_spike_of_one_bar_is_seen_in_its_column() -> None:
    candles = changed(walk(1_000), 333, high=90_000.0)

    found = pictured(candles, 10)

    assert found.high[3] == 90_000.0
    assert found.high[:3].max() < 60_000.0 > found.high[4:].max()


def test_neighbouring_columns_touch_unless_bars_are_missing_between_them() -> None:
    candles = jumping(walk(200), 25, 150)
    there = np.ones(200, bool)
    there[75:150] = False

    found = pictured(candles[there], 8)

    assert found.bars.tolist() == [25, 25, 25, 0, 0, 0, 25, 25]
    assert (found.expected - found.bars).tolist() == [0, 0, 0, 25, 25, 25, 0, 0]
    assert np.isnan(found.low[3:6]).all()
    assert found.low[1] == candles.close[24] < candles.low[25:50].min()
    assert (found.low[6], found.high[6]) == (candles.low[150:175].min(), candles.high[150:175].max())


def jumping(candles: Candles, *places: int) -> Candles:
    """Twice as high from each of these bars on."""
    factor = np.ones(len(candles))
    for place in places:
        factor[place:] *= 2.0
    return replace(candles, **{name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")})


def test_bars_without_a_trade_and_bars_left_out_are_counted_where_they_are() -> None:
    candles = changed(changed(walk(100), 5, volume=0.0), 99, volume=0.0)
    keep = np.arange(100) != 50

    found = pictured(candles, 10, keep)

    assert found.zero_volume.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found.dropped.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
