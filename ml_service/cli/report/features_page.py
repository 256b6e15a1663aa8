"""The report on features as one HTML file: what the data is, regimes over price, each feature, and what is left out."""

from collections.abc import Iterator, Sequence
from html import escape

from ml_service.cli.report import features_charts, features_over_time
from ml_service.cli.report.features_charts import heat_map, histogram
from ml_service.cli.report.features_figures import NEARLY_SAME, FeatureFigures, FeaturesReport
from ml_service.cli.report.features_numbers import brief, brief_signed, percent
from ml_service.cli.report.features_over_time import lanes
from ml_service.cli.report.features_regimes import regimes
from ml_service.cli.report.page import minute, shell, signed, table
from ml_service.domain.market.quality import Found
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


def values_table(caption: str, rows: Sequence[FeatureFigures], kind: str = "feature") -> Iterator[str]:
    yield table(
        caption,
        (kind, *(f"#{100.0 * share:g} %" for share in QUANTILES), "#drift", "#autocorrelation"),
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
    yield from values_table(f"{len(report.indicators)} indicators beside the features", report.indicators, "indicator")
    yield table(
        "What they say, and how often they are missing",
        ("indicator", "group", "says", "scale-free", "#missing"),
        [
            (
                one.name,
                one.group,
                one.says,
                "yes" if one.scale_free else "no",
                percent(one.missing.count / max(one.column.bars, 1), 2),
            )
            for one in report.indicators
        ],
    )
