"""All that the report on features says, in figures: worked out once, for the page and for the document alike."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from math import isnan

import numpy as np

from ml_service.cli.report.features_findings import findings
from ml_service.domain.market.candles import Candles, Floats, Moments, Stream, candles_of
from ml_service.domain.market.intervals import interval_ms
from ml_service.domain.market.noise import Reason, noise
from ml_service.domain.market.quality import EXAMPLES, Quality, quality
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.regime_report import RegimeReport, regime_report
from ml_service.domain.market.regimes import Regimes
from ml_service.domain.report.columns import Column, column_figures
from ml_service.domain.report.picture import Picture, picture
from ml_service.domain.report.rank_correlations import rank_correlations
from ml_service.features import FEATURES
from ml_service.features.schema import SCHEMA
from ml_service.features.spec import Feature

AHEAD_BARS = 12
"""So many bars after each one the regimes are judged by."""
SAMPLE_ROWS = 100_000
"""Of more rows, so many are drawn for the correlations, whose error then is 0.003."""
NEARLY_SAME = 0.95
"""From this rank correlation on, a pair is named."""
PICTURE_COLUMNS = 774

MAY_BE_MISSING = ("taker_buy", "best_bid", "best_ask", "bid_top", "ask_top", "bid_ten", "ask_ten")
"""Columns that a venue may not tell; the others every stored bar has."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Bars without a value, each counted for the first reason that holds."""

    count: int
    warm_up: int
    not_told: int
    """The order book, or how much of the volume was bought from it."""
    nothing_to_divide_by: int
    """No volume, or no movement."""


@dataclass(frozen=True, slots=True)
class FeatureFigures:
    name: str
    group: str
    says: str
    scale_free: bool
    missing: Missing
    column: Column


@dataclass(frozen=True, slots=True)
class Pair:
    one: str
    other: str
    correlation: float


@dataclass(frozen=True, slots=True)
class Correlations:
    rows: int
    """So many they were worked out from, each pair from those that have both values."""
    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    """In the order of the names. None where one of the two never varies."""
    never_told: tuple[str, ...]
    """Left out of the above."""
    nearly_same: tuple[Pair, ...]
    """The closest first."""


@dataclass(frozen=True, slots=True)
class DroppedBars:
    reason: Reason
    why: str
    count: int
    opened_at_ms: tuple[int, ...]
    """Of the first few."""


@dataclass(frozen=True, slots=True)
class Noise:
    dropped: int
    """For one reason or several."""
    reasons: tuple[DroppedBars, ...]


@dataclass(frozen=True, slots=True)
class FeaturesReport:
    stream: Stream
    volume_unit: str | None
    interval_ms: int
    made_at_ms: int
    schema_version: int
    schema_hash: str
    bars_before: int
    """Read only so that features and regimes of the first bars are what they were at the time."""
    quality: Quality
    regimes: RegimeReport
    ahead_bars: int
    findings: tuple[str, ...]
    noise: Noise
    features: tuple[FeatureFigures, ...]
    correlations: Correlations
    indicators: tuple[FeatureFigures, ...]
    picture: Picture


def features_report(
    stream: Stream,
    candles: Candles,
    *,
    made_at_ms: int,
    before: int = 0,
    volume_unit: str | None = None,
    indicators: Mapping[str, Feature] | None = None,
) -> FeaturesReport:
    """The first `before` candles are looked at, and not reported on."""
    length = interval_ms(stream.interval)
    shown = candles[before:]
    assert len(shown)
    regimes = after(regimes_of(candles), before)
    regime_figures = regime_report(shown, regimes, AHEAD_BARS)
    found_noise = noise(candles, length)
    dropped = tuple(
        DroppedBars(one.reason, one.why, int(np.count_nonzero(one.places >= before)), first_of(one.opened_at_ms, shown))
        for one in found_noise.dropped
    )
    keep = found_noise.keep[before:]
    gathered = Gathered(candles, before, length, sampled_rows(len(shown)))
    features = tuple(gathered.figures(feature, sampled=True) for feature in FEATURES.values())
    return FeaturesReport(
        stream=stream,
        volume_unit=volume_unit,
        interval_ms=length,
        made_at_ms=made_at_ms,
        schema_version=SCHEMA.version,
        schema_hash=SCHEMA.hash,
        bars_before=before,
        quality=quality(shown, length),
        regimes=regime_figures,
        ahead_bars=AHEAD_BARS,
        findings=tuple(findings(regime_figures, AHEAD_BARS)),
        noise=Noise(int(np.count_nonzero(~keep)), dropped),
        features=features,
        correlations=correlations_of(gathered.sample),
        indicators=tuple(gathered.figures(one) for one in (indicators or {}).values()),
        picture=picture(shown, regimes, keep, length, PICTURE_COLUMNS),
    )


def after(regimes: Regimes, before: int) -> Regimes:
    return Regimes(*(getattr(regimes, name)[before:] for name in Regimes.__slots__))


def first_of(opened_at_ms: Moments, shown: Candles) -> tuple[int, ...]:
    there = opened_at_ms[opened_at_ms >= shown.opened_at_ms[0]]
    return tuple(int(at) for at in there[:EXAMPLES])


# ---- features


@dataclass(slots=True)
class Gathered:
    """One feature after the other, so that never more than one whole column is in memory."""

    candles: Candles
    before: int
    interval_ms: int
    rows: Moments | slice
    """Of those reported on, the ones that are sampled."""
    sample: dict[str, Floats] = field(default_factory=dict)

    def figures(self, feature: Feature, *, sampled: bool = False) -> FeatureFigures:
        values = feature.batch(self.candles)
        shown = values[self.before :]
        if sampled:
            self.sample[feature.name] = shown[self.rows].copy()
        return FeatureFigures(
            name=feature.name,
            group=feature.group,
            says=says(feature),
            scale_free=feature.scale_free,
            missing=self.missing(feature, values),
            column=column_figures(shown, self.candles.opened_at_ms[self.before :], self.interval_ms),
        )

    def missing(self, feature: Feature, values: Floats) -> Missing:
        absent = ~np.isfinite(values)
        warm_up, not_told = np.zeros((2, values.size), bool)
        warm_up[: feature.warm_up] = absent[: feature.warm_up]
        if absent.any():
            for name in needed(feature):
                not_told |= absent & ~warm_up & np.isnan(getattr(self.candles, name))
        count, warming, untold = (int(np.count_nonzero(one[self.before :])) for one in (absent, warm_up, not_told))
        return Missing(count, warming, untold, count - warming - untold)


def sampled_rows(size: int) -> Moments | slice:
    """Drawn, and not every so many, which could always be the same hour of the day."""
    if size <= SAMPLE_ROWS:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(size, SAMPLE_ROWS, replace=False))


def needed(feature: Feature) -> tuple[str, ...]:
    """Which columns that may be missing it cannot do without: found out by taking each of them away."""
    whole = example(feature.warm_up + 8)
    nothing = np.full(len(whole), np.nan)
    return tuple(
        name for name in MAY_BE_MISSING if not np.isfinite(feature.batch(replace(whole, **{name: nothing}))).any()
    )


@cache
def example(bars: int) -> Candles:
    """Some candles with everything told."""
    random = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, bars)))
    opened = np.concatenate(([100.0], close[:-1]))
    volume, sizes = random.uniform(10.0, 20.0, bars), random.uniform(1.0, 2.0, (4, bars))
    return candles_of(
        3_600_000 * np.arange(bars),
        opened,
        np.maximum(opened, close) * 1.001,
        np.minimum(opened, close) * 0.999,
        close,
        volume,
        taker_buy=0.4 * volume,
        best_bid=close * 0.9999,
        best_ask=close * 1.0001,
        **dict(zip(MAY_BE_MISSING[3:], sizes, strict=True)),
    )


def says(feature: Feature) -> str:
    """The first line of its file, which is where a feature says what it is."""
    for shelf in ("ml_service.features", "ml_service.features.indicators"):
        module = sys.modules.get(f"{shelf}.{feature.name}")
        if getattr(module, "FEATURE", None) is feature and module is not None and module.__doc__:
            return module.__doc__.strip().splitlines()[0]
    return ""


# ---- correlations


def correlations_of(sample: Mapping[str, Floats]) -> Correlations:
    told = {name: column for name, column in sample.items() if np.isfinite(column).any()}
    names = tuple(told)
    values = rank_correlations(np.array(list(told.values()))) if told else np.empty((0, 0))
    pairs = [
        Pair(names[one], names[other], float(values[one, other]))
        for one in range(len(names))
        for other in range(one + 1, len(names))
        if abs(values[one, other]) >= NEARLY_SAME
    ]
    return Correlations(
        rows=max((column.size for column in sample.values()), default=0),
        names=names,
        values=tuple(tuple(None if isnan(value) else value for value in row) for row in values.tolist()),
        never_told=tuple(name for name in sample if name not in told),
        nearly_same=tuple(sorted(pairs, key=lambda pair: -abs(pair.correlation))),
    )
