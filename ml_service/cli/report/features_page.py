"""The report on features as one HTML file: what the data is, regimes over price, each feature, and what is left out."""

from collections.abc import Iterator, Sequence
from html import escape

from ml_service.cli.report import features_charts, features_over_time
from ml_service.cli.report.features_charts import heat_map, histogram
from ml_service.cli.report.features_figures import NEARLY_SAME, FeatureFigures, FeaturesReport
from ml_service.cli.report.features_over_time import lanes, price_by_regime, regime_shares
from ml_service.cli.report.page import figure, minute, shell, signed, table
from ml_service.domain.market.quality import Found
from ml_service.domain.market.regime_confidence import AHEAD_BARS as CONFIDENCE_BARS
from ml_service.domain.market.regime_report import RegimeFigures
from ml_service.domain.market.regime_stays import SHORT_BARS
from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.performance.estimate import Estimate
from ml_service.domain.report.columns import QUANTILES

STYLE = ".wide { margin: 1.25rem 0; } li { margin: .25rem 0; }"
WANDERS = 0.5
"""From so many spans between the quartiles on, a drift is pointed at."""


def page(report: FeaturesReport) -> str:
    title = str(report.stream)
    parts = (
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">Market features of {report.quality.rows:,} bars; schema version {report.schema_version},'
        f" hash {escape(report.schema_hash)}. Made {minute(report.made_at_ms)} UTC; all times are UTC, and of a bar's"
        " opening.</p>",
        *data(report),
        *regimes(report),
        *features(report),
        *correlations(report),
        *noise(report),
        *indicators(report),
    )
    return shell(title, "".join(parts), features_over_time.STYLE + features_charts.STYLE + STYLE)


# ---- what the data is


def data(report: FeaturesReport) -> Iterator[str]:
    found = report.quality
    assert found.first_ms is not None
    assert found.last_ms is not None
    stream = report.stream
    yield "<h2>What the data is</h2>"
    rows = [
        ("venue, symbol, interval", f"{stream.venue}, {stream.symbol}, {stream.interval}", ""),
        ("unit of the volume", report.volume_unit or "not told", ""),
        ("bars", f"{found.rows:,}", ""),
        ("from", minute(found.first_ms), ""),
        ("to", minute(found.last_ms), "the opening of the last bar"),
        ("gaps", f"{found.gaps.count:,}", f"{found.gaps.missing_bars:,} bars missing" if found.gaps.count else ""),
        counted("without volume", found.zero_volume),
        ("largest move", *largest_move(report)),
        counted("contradicting prices", found.violating, "high or low on the wrong side of open, close or each other"),
        counted("no price, or none above 0", sum_of(found.non_finite, found.non_positive)),
        counted("volume below 0, or not told", sum_of(found.negative_volume, found.volume_not_told)),
        counted("told twice", found.duplicates),
        counted("off the grid of the interval", found.off_the_grid),
    ]
    yield table("", ("", "#found", "which"), rows)
    if report.bars_before:
        yield (
            f'<p class="soft">{report.bars_before:,} earlier bars were read so that the first values are what they were'
            " at the time; nothing here counts them.</p>"
        )
    yield lanes(report.picture)
    if found.gaps.longest:
        yield table(
            "The longest gaps",
            ("last bar before", "first bar after", "#bars missing"),
            [(minute(gap.after_ms), minute(gap.before_ms), f"{gap.bars:,}") for gap in found.gaps.longest],
        )


def counted(name: str, found: Found, what: str = "") -> tuple[str, str, str]:
    first = ", ".join(minute(at) for at in found.opened_at_ms[:3])
    more = ", …" if found.count > 3 else ""
    return name, f"{found.count:,}", f"{first}{more}" if first else what


def sum_of(one: Found, other: Found) -> Found:
    return Found(one.count + other.count, (*one.opened_at_ms, *other.opened_at_ms))


def largest_move(report: FeaturesReport) -> tuple[str, str]:
    move = report.quality.largest_move
    if move is None:
        return "not known", ""
    return f"{signed(100.0 * move.ratio)} %", f"close to close, the bar of {minute(move.opened_at_ms)}"


# ---- regimes


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


# ---- features


def features(report: FeaturesReport) -> Iterator[str]:
    yield "<h2>Features</h2>"
    told = [one for one in report.features if one.column.told]
    untold = [one.name for one in report.features if not one.column.told]
    if untold:
        yield f"<p>Without any value here: {escape(', '.join(untold))}. The table of missing values says why.</p>"
    yield '<div class="small">' + "".join(card(one) for one in told) + "</div>"
    yield (
        '<p class="soft">Histograms go from the 1 % to the 99 % quantile, in 40 bins; heights are shares of all values.'
        "</p>"
    )
    yield from values_table("Where the values lie", report.features)
    yield table(
        "Missing values",
        ("feature", "#missing", "#warm-up", "#not told", "#nothing to divide by"),
        [missing_row(one) for one in report.features],
    )
    yield (
        '<p class="soft">Warm-up: too few bars yet. Not told: the order book, or how much of the volume was bought from'
        " it. Nothing to divide by: no volume, or no movement. A missing value is never a 0.</p>"
    )


def card(one: FeatureFigures) -> str:
    drawn = histogram(one.column.histogram) if one.column.histogram is not None else ""
    return (
        f"<figure><figcaption>{escape(one.name)} <span class=unit>{escape(one.group)}</span></figcaption>{drawn}"
        f'<p class="soft">{escape(one.says)}</p></figure>'
    )


def values_table(caption: str, rows: Sequence[FeatureFigures]) -> Iterator[str]:
    yield table(
        caption,
        ("feature", *(f"#{100.0 * share:g} %" for share in QUANTILES), "#drift", "#autocorrelation"),
        [value_row(one) for one in rows if one.column.told],
    )
    wandering = [one.name for one in rows if one.column.drift is not None and abs(one.column.drift) >= WANDERS]
    yield (
        '<p class="soft">Drift: the median of the last third of the bars less that of the first, in spans between the'
        " quartiles. Autocorrelation: of neighbouring bars.</p>"
    )
    if wandering:
        yield (
            f"<p>Moved by half a span or more: {escape(', '.join(wandering))}. A model that was trained on the first"
            " third meets other values in the last.</p>"
        )


def value_row(one: FeatureFigures) -> tuple[str, ...]:
    column = one.column
    return (
        one.name,
        *(brief(value) for value in column.quantiles or ()),
        brief_signed(column.drift),
        brief_signed(column.autocorrelation),
    )


def missing_row(one: FeatureFigures) -> tuple[str, ...]:
    found, bars = one.missing, max(one.column.bars, 1)
    counts = (found.warm_up, found.not_told, found.nothing_to_divide_by)
    return one.name, percent(found.count / bars, 2), *(f"{count:,}" if count else "" for count in counts)


# ---- correlations, noise, indicators


def correlations(report: FeaturesReport) -> Iterator[str]:
    found = report.correlations
    yield "<h2>Which features say the same</h2>"
    if found.names:
        yield heat_map(found.names, found.values)
    rows = "all bars" if found.rows == report.quality.rows else f"{found.rows:,} bars, drawn at random"
    yield f'<p class="soft">Of {rows}; each pair from those where both have a value. Empty: one never varies.</p>'
    if found.never_told:
        yield f'<p class="soft">Left out, without any value: {escape(", ".join(found.never_told))}.</p>'
    if found.nearly_same:
        yield table(
            f"Beyond {NEARLY_SAME:g}: of each pair, one feature adds next to nothing",
            ("one", "other", "#rank correlation"),
            [(pair.one, pair.other, f"{pair.correlation:+.3f}".replace("-", "−")) for pair in found.nearly_same],
        )
    else:
        yield f"<p>No pair lies beyond {NEARLY_SAME:g}.</p>"


def noise(report: FeaturesReport) -> Iterator[str]:
    found = report.noise
    yield "<h2>What training would leave out</h2>"
    yield (
        f"<p>{found.dropped:,} of {report.quality.rows:,} bars ({percent(found.dropped / report.quality.rows, 2)}). A"
        " great move alone is no reason; and features of the bars that stay are worked out from all of them.</p>"
    )
    yield table(
        "",
        ("reason", "#bars", "why", "first of them"),
        [
            (
                one.reason.replace("_", " "),
                f"{one.count:,}",
                one.why,
                ", ".join(minute(at) for at in one.opened_at_ms[:3]) + (", …" if one.count > 3 else ""),
            )
            for one in found.reasons
        ],
    )


def indicators(report: FeaturesReport) -> Iterator[str]:
    if not report.indicators:
        return
    yield "<h2>Indicators for training</h2>"
    yield from values_table(f"{len(report.indicators)} indicators beside the features", report.indicators)
    yield table(
        "What they say, and how often they are missing",
        ("indicator", "group", "says", "#missing"),
        [
            (one.name, one.group, one.says, percent(one.missing.count / max(one.column.bars, 1), 2))
            for one in report.indicators
        ],
    )


# ---- how things are written


def percent(share: float | None, digits: int = 1) -> str:
    return "not known" if share is None else f"{100.0 * share:.{digits}f} %"


def known(value: float | None) -> str:
    return "not known" if value is None else figure(value)


def brief(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def brief_signed(value: float | None) -> str:
    if value is None:
        return "not known"
    shown = f"{value:+.2f}"
    return shown[1:] if float(shown) == 0.0 else shown.replace("-", "−")


def estimated(estimate: Estimate | None, factor: float, digits: int) -> str:
    if estimate is None:
        return "not known"
    scaled = estimate.times(factor)
    shown = f"{scaled.value:.{digits}f}"
    if scaled.low is not None and scaled.high is not None:
        shown += f" ({scaled.low:.{digits}f} to {scaled.high:.{digits}f})"
    return shown.replace("-", "−")
