"""The part of the report on features that speaks of regimes: price in their colours, and what they are worth."""

from collections.abc import Iterator
from html import escape

from ml_service.cli.report.features_figures import FeaturesReport
from ml_service.cli.report.features_numbers import estimated, known, percent
from ml_service.cli.report.features_over_time import price_by_regime, regime_shares
from ml_service.cli.report.page import table
from ml_service.domain.market.regime_confidence import AHEAD_BARS as CONFIDENCE_BARS
from ml_service.domain.market.regime_report import RegimeFigures
from ml_service.domain.market.regime_stays import SHORT_BARS
from ml_service.domain.market.regimes import REGIMES


def regimes(report: FeaturesReport) -> Iterator[str]:
    found, ahead = report.regimes, report.ahead_bars
    yield "<h2>Price and regimes</h2>"
    yield price_by_regime(report.picture)
    yield (
        '<p class="soft">Each upright line holds all bars of its stretch of time, from their lowest price to their'
        " highest, in the colour of the regime that most of them were told; below is the share of each.</p>"
    )
    yield regime_shares(report.picture)
    yield "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in report.findings) + "</ul>"
    if found.unknown == found.bars:
        return
    yield (
        '<p class="soft">Intervals are 95 % ones and count blocks of 480 bars as the independent pieces. A sentence'
        " above calls good only what stands when they are widened for all twelve that are looked at.</p>"
    )
    yield table(
        f"How often and for how long; {found.unknown:,} bars at the beginning have no regime yet",
        (
            "regime",
            "#share",
            "#bars",
            "#stays",
            "#mean bars",
            "#median bars",
            f"#under {SHORT_BARS} bars (flicker)",
        ),
        [
            *(stay_row(one) for one in found.figures),
            (
                "all",
                "100.0 %",
                f"{found.bars - found.unknown:,}",
                f"{found.stays.count:,}",
                known(found.stays.bars_mean),
                known(found.stays.bars_median),
                percent(found.stays.short),
            ),
        ],
    )
    yield f"<p>{found.switches_per_100:.1f} changes of regime in 100 bars.</p>"
    yield table(
        "Returns of the bars inside each regime: what it was told from, not what it foretells",
        ("regime", "#mean, basis points", "#deviation, %", "#skew", "#excess kurtosis", "#autocorrelation"),
        [inside_row(one) for one in found.figures],
    )
    yield table(
        f"The {ahead} bars after each bar of a regime",
        ("regime", "#mean move, %", "#over that of the others", "#straightness, 0 to 1", "#over that of the others"),
        [ahead_row(one) for one in found.figures],
    )
    yield (
        '<p class="soft">A move is compared in units of the usual bar of its time. Straightness is the net move over'
        " the path; 1 goes one way throughout. Over that of the others, 1 means that the regime tells nothing.</p>"
    )
    yield table(
        "What follows a regime when it ends, %",
        ("regime", *(f"#{name}" for name in REGIMES)),
        [
            (name, *("" if one == other else f"{100.0 * share:.0f}" for other, share in enumerate(shares)))
            for one, (name, shares) in enumerate(zip(REGIMES, found.transitions, strict=True))
        ],
    )
    yield table(
        f"Does confidence keep its word? The same regime {CONFIDENCE_BARS} bars later",
        ("confidence", "#bars", "#promised", "#came true"),
        [
            (f"{span.low:g} to {span.high:g}", f"{span.bars:,}", percent(span.promised), percent(span.kept))
            for span in found.confidence
        ],
    )


def stay_row(one: RegimeFigures) -> tuple[str, ...]:
    return (
        one.regime,
        percent(one.share),
        f"{one.bars:,}",
        f"{one.stays.count:,}",
        known(one.stays.bars_mean),
        known(one.stays.bars_median),
        percent(one.stays.short),
    )


def inside_row(one: RegimeFigures) -> tuple[str, ...]:
    return (
        one.regime,
        estimated(one.inside.mean, 1e4, 2),
        estimated(one.inside.deviation, 100.0, 2),
        estimated(one.inside.skew, 1.0, 1),
        estimated(one.inside.kurtosis, 1.0, 0),
        estimated(one.inside.autocorrelation, 1.0, 2),
    )


def ahead_row(one: RegimeFigures) -> tuple[str, ...]:
    return (
        one.regime,
        estimated(one.ahead.size, 100.0, 2),
        estimated(one.ahead.size_ratio, 1.0, 2),
        estimated(one.ahead.efficiency, 1.0, 3),
        estimated(one.ahead.efficiency_ratio, 1.0, 2),
    )
