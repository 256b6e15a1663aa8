"""The report: its figures are what their names say, and it finds something only where there is something."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.domain.market.candles import Candles
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.regime_confidence import AHEAD_BARS
from ml_service.domain.market.regime_report import RegimeFigures, RegimeReport, regime_report
from ml_service.domain.market.regime_returns import USUAL_BARS
from ml_service.domain.market.regimes import REGIMES, UNKNOWN, Regime
from ml_service.domain.statistics.estimate import Estimate
from tests.domain.market.walks import moody, walk
from tests.market_data import HOURS_OF_BTC, real_candles


def report_of(candles: Candles) -> RegimeReport:
    return regime_report(candles, regimes_of(candles))


def figures(report: RegimeReport, regime: Regime) -> RegimeFigures:
    return report.figures[REGIMES.index(regime)]


def told(estimate: Estimate | None) -> tuple[float, float, float]:
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.value, estimate.high


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def test_shares_make_one_whole_and_stays_fill_them() -> None:
    report = report_of(moody(5_000))

    assert report.unknown < 600
    assert sum(one.bars for one in report.figures) == report.bars - report.unknown
    assert sum(one.share for one in report.figures) == pytest.approx(1.0)
    assert sum(one.stays.count for one in report.figures) == report.stays.count
    for one in report.figures:
        assert one.stays.bars_mean == pytest.approx(one.bars / one.stays.count)


def test_switches_are_told_for_each_hundred_bars() -> None:
    report = report_of(moody(5_000))

    assert report.switches_per_100 == pytest.approx(100.0 * (report.stays.count - 1) / (report.bars - report.unknown))


def test_the_figures_are_what_their_names_say() -> None:
    candles = moody(4_000)
    regimes = regimes_of(candles)
    level = np.log(candles.close)
    own = np.diff(level, prepend=np.nan)
    here = np.flatnonzero(regimes.code == REGIMES.index("trending"))
    returns = own[here]
    off = returns - returns.mean()

    found = figures(regime_report(candles, regimes, ahead_bars=7), "trending")

    assert value(found.inside.mean) == pytest.approx(returns.mean())
    assert value(found.inside.deviation) == pytest.approx(returns.std())
    assert value(found.inside.skew) == pytest.approx(np.mean(off**3) / returns.std() ** 3)
    assert value(found.inside.kurtosis) == pytest.approx(np.mean(off**4) / returns.var() ** 2 - 3.0)
    assert value(found.inside.size) == pytest.approx(np.abs(returns).mean())
    pairs = here[here + 1 < len(candles)]
    assert value(found.inside.autocorrelation) == pytest.approx(np.corrcoef(own[pairs], own[pairs + 1])[0, 1])

    bars = here[here + 7 < len(candles)]
    size = np.array([abs(level[bar + 7] - level[bar]) for bar in bars])
    path = np.array([np.abs(own[bar + 1 : bar + 8]).sum() for bar in bars])
    usual = np.array([np.abs(own[bar - USUAL_BARS + 1 : bar + 1]).mean() for bar in bars])
    assert value(found.ahead.size) == pytest.approx(size.mean())
    assert value(found.ahead.size_usual) == pytest.approx((size / usual).mean())
    assert value(found.ahead.efficiency) == pytest.approx((size / path).mean())


def test_a_ratio_is_over_all_bars_in_other_regimes() -> None:
    report = report_of(moody(5_000))
    one = figures(report, "volatile")
    others = [other for other in report.figures if other is not one]
    elsewhere = sum(other.bars * value(other.ahead.efficiency) for other in others) / sum(o.bars for o in others)

    # The last few bars have no such return, so the weights differ a little.
    assert value(one.ahead.efficiency_ratio) == pytest.approx(value(one.ahead.efficiency) / elsewhere, rel=0.01)


def test_a_market_of_one_pace_tells_nothing_of_what_comes() -> None:
    report = report_of(walk(40_000, seed=3))

    for one in report.figures:
        if one.share > 0.02:
            for ratio in (one.ahead.size_ratio, one.ahead.efficiency_ratio):
                low, _, high = told(ratio)
                assert low < 1.0 < high


def test_moods_that_last_are_found_to_last() -> None:
    pace = np.repeat(0.002 * np.exp(0.5 * np.random.default_rng(0).standard_normal(200)), 200)

    report = report_of(walk(40_000, pace=pace))

    assert told(figures(report, "volatile").ahead.size_ratio)[0] > 1.1
    assert told(figures(report, "consolidation").ahead.size_ratio)[2] < 0.9


def test_what_was_promised_is_set_against_what_came_true() -> None:
    candles = moody(3_000)
    regimes = regimes_of(candles)
    now, later = regimes.code[:-AHEAD_BARS], regimes.code[AHEAD_BARS:]
    sure = (now != UNKNOWN) & (regimes.confidence[:-AHEAD_BARS] >= 0.9)

    last = regime_report(candles, regimes).confidence[-1]

    assert (last.low, last.high, last.bars) == (0.9, 1.0, int(np.count_nonzero(sure)))
    assert last.kept == pytest.approx(np.mean(now[sure] == later[sure]))
    assert last.promised == pytest.approx(np.mean(regimes.confidence[:-AHEAD_BARS][sure]))


@pytest.mark.parametrize("bars", [0, 1, 480])
def test_where_nothing_is_told_there_is_nothing_to_report(bars: int) -> None:
    report = report_of(walk(481)[:bars])

    assert (report.bars, report.unknown, report.switches_per_100, report.confidence) == (bars, bars, 0.0, ())
    for one in report.figures:
        assert (one.bars, one.share, one.stays.count) == (0, 0.0, 0)
        assert one.inside.mean is one.ahead.size_ratio is None


def test_a_market_that_stands_still_has_no_shape() -> None:
    still = walk(700)
    candles = replace(
        still, open=np.full(700, 5.0), high=np.full(700, 5.0), low=np.full(700, 5.0), close=np.full(700, 5.0)
    )

    found = figures(report_of(candles), "consolidation")

    assert value(found.inside.deviation) == 0.0
    assert found.inside.skew is found.inside.autocorrelation is found.ahead.efficiency is found.ahead.size_usual is None


def test_on_real_hours_no_regime_is_rare_and_none_is_the_rule() -> None:
    report = report_of(real_candles(HOURS_OF_BTC))

    assert all(0.1 < one.share < 0.4 for one in report.figures)
    assert report.stays.short is not None
    assert report.stays.short < 0.06
    assert all(abs(one.promised - one.kept) < 0.05 for one in report.confidence)
