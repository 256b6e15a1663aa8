"""What the regimes of a stream are good for and what not, one plain sentence for each thing found out.

Twelve intervals are looked at, three for each regime; of so many, one would miss the truth by chance every other time.
So what is said is what stands when each interval is widened for their number (Bonferroni). Those shown are plain ones.
"""

from collections.abc import Iterator
from statistics import NormalDist

from ml_service.domain.market.regime_confidence import AHEAD_BARS as CONFIDENCE_BARS
from ml_service.domain.market.regime_report import RegimeFigures, RegimeReport
from ml_service.domain.market.regime_stays import SHORT_BARS
from ml_service.domain.statistics.estimate import Estimate

FLICKER_MAX = 0.10
"""So large a share of short stays is still steady."""
BROKEN_WORD = 0.05
"""So far confidence may be off on average before it is said to be."""

COMPARISONS = 12
WIDER = NormalDist().inv_cdf(1.0 - 0.025 / COMPARISONS) / NormalDist().inv_cdf(1.0 - 0.025)


def findings(report: RegimeReport, ahead_bars: int) -> Iterator[str]:
    if report.unknown == report.bars:
        yield f"{report.bars:,} bars are too few to tell a regime after any of them."
        return
    yield from flicker(report)
    for one in report.figures:
        if one.bars:
            yield how_far(one, ahead_bars)
            yield how_straight(one, ahead_bars)
    yield from which_way(report)
    yield from confidence(report)


def flicker(report: RegimeReport) -> Iterator[str]:
    stays = report.stays
    if stays.bars_median is None or stays.short is None:
        return
    told = (
        f"A regime lasts {stays.bars_median:.0f} bars at the median, and {100 * stays.short:.0f} % of the stays are"
        f" shorter than {SHORT_BARS} bars: "
    )
    steady = stays.short <= FLICKER_MAX
    yield told + (
        "steady enough for settings that change with it; of no use for a trade that is held for longer than that."
        if steady
        else "it flickers here, so settings that change with the regime would change too often to be worth it."
    )


def how_far(one: RegimeFigures, ahead_bars: int) -> str:
    begin = f"While {one.regime} is told, the next {ahead_bars} bars "
    ratio = one.ahead.size_ratio
    side = side_of(ratio, 1.0)
    if ratio is None or side is None:
        return begin + "are too few to say how far prices will go."
    compared = f"{times(ratio)} as far as after other regimes, measured by the usual move of the time"
    if side > 0:
        return begin + f"go {compared}: good for smaller positions and wider stops; it does not say which way."
    if side < 0:
        return begin + f"go {compared}: good for tighter stops and nearer targets; it does not say which way."
    return begin + f"go {compared}, which may be as far: no reason to change sizes or stops."


def how_straight(one: RegimeFigures, ahead_bars: int) -> str:
    begin = f"While {one.regime} is told, the path of the next {ahead_bars} bars is "
    ratio = one.ahead.efficiency_ratio
    side = side_of(ratio, 1.0)
    if ratio is None or side is None:
        return begin + "known of too few bars to say whether a move goes on."
    compared = f"{times(ratio)} as straight as after other regimes"
    if side > 0:
        return begin + f"{compared}: worth a try for following a move; whether that pays after costs is not said."
    if side < 0:
        return begin + f"{compared}: moves come back more often; no good for following them."
    return begin + f"{compared}, which may be as straight: no good for following a move, nor for betting against it."


def which_way(report: RegimeReport) -> Iterator[str]:
    sure = 0
    for one in report.figures:
        mean = one.inside.mean
        if mean is None or not side_of(mean, 0.0):
            continue
        sure += 1
        way = "rose" if mean.value > 0.0 else "fell"
        yield (
            f"While {one.regime} was told, prices {way} by {1e4 * abs(mean.value):.2f} basis points a bar on average:"
            " that was meanwhile, not afterwards, so it describes this stretch of time and is no forecast."
        )
    if not sure:
        yield (
            "In no regime is the mean return of a bar to be told from 0: none of them is good for guessing which way"
            " prices go."
        )


def confidence(report: RegimeReport) -> Iterator[str]:
    bars = sum(span.bars for span in report.confidence)
    if not bars:
        return
    off = sum(span.bars * abs(span.promised - span.kept) for span in report.confidence) / bars
    keeps = off <= BROKEN_WORD
    yield (
        f"Confidence, the chance that the same regime is told {CONFIDENCE_BARS} bars later, is off by"
        f" {100 * off:.1f} points on average: "
        + ("it may be read as a chance here." if keeps else "here it ranks bars, and is not to be read as a chance.")
    )


def side_of(estimate: Estimate | None, point: float) -> int | None:
    """1 where it is surely above, -1 where it is surely below, 0 where that is open; None without an interval."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    if estimate.value - WIDER * (estimate.value - estimate.low) > point:
        return 1
    return -1 if estimate.value + WIDER * (estimate.high - estimate.value) < point else 0


def times(ratio: Estimate) -> str:
    return f"{ratio.value:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})"
