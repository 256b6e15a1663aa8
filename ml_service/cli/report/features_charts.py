"""The pictures of the report on features: price by regime, what is missing when, histograms, a table of correlations.

Colours come from the page's style, by class, so that they follow the reader's light or dark.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml_service.cli.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    rounded,
    short,
    time_axis,
    value_axis,
)
from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.report.columns import Histogram
from ml_service.domain.report.picture import Picture

NAMES = (*REGIMES, "not known yet")
LOGARITHMIC_FROM = 4.0
"""Prices that went up so many times, or down, stand on a logarithmic axis."""
SMALL_PRICE = 0.01
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LANE, LANE_GAP = 26, 10
SHARES_HEIGHT, SHARE_WIDTH = 70, 6.0
"""Of a column in the picture of shares, at least: in narrower ones the colours would run into each other."""
MARK_MIN = 3.0
"""So high is a mark at least, in a lane: one bar of many thousands is seen."""

STYLE = """
.r { fill: none; } .r0 { stroke: var(--c0); } .r1 { stroke: var(--c2); } .r2 { stroke: var(--c1); }
.r3 { stroke: var(--c3); } .r4 { stroke: var(--line); } .s0 { fill: var(--c0); } .s1 { fill: var(--c2); }
.s2 { fill: var(--c1); } .s3 { fill: var(--c3); } .s4 { fill: var(--line); }
.lane { fill: var(--wash); } .mark { fill: var(--c1); }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem 1.5rem; }
.small figure { margin: 0; } .small p { font-size: .85rem; margin: 0; } .bin { fill: var(--c0); }
.cell { font-size: 10.5px; fill: var(--ink); } .label { font-size: 12px; fill: var(--ink); }
.plus { fill: var(--c0); } .minus { fill: var(--c1); } .swatch { display: inline-block; width: 1rem; height: .75rem; }
.wide { margin: 1.25rem 0; } li { margin: .25rem 0; }
"""


def figure(title: str, unit: str, height: float, body: str, legend: str = "") -> str:
    label = escape(f"{title}, {unit}")
    return (
        f'<figure><figcaption>{escape(title)} <span class="unit">{escape(unit)}</span></figcaption>{legend}'
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}">{body}</svg></figure>'
    )


# ---- over time


def price_by_regime(picture: Picture) -> str:
    """From the lowest to the highest price of each column, in the colour of the regime told most often there."""
    low, high = float(np.nanmin(picture.low)), float(np.nanmax(picture.high))
    times, x, width = columns_of(picture)
    prices = price_axis(low, high)
    lines: list[list[str]] = [[] for _ in NAMES]
    for place, told in enumerate(picture.regimes.argmax(axis=1).tolist()):
        if picture.bars[place]:
            bottom, top = (prices.at(float(side[place])) for side in (picture.low, picture.high))
            # A market that stands still is a dot, and not nothing.
            lines[told].append(f"M{x(place)} {max(bottom, round(top + 1.0, 1))}V{top}")
    body = "".join(
        f'<path class="r r{told}" stroke-width="{width:.4g}" d="{"".join(path)}"/>'
        for told, path in enumerate(lines)
        if path
    )
    body = prices.ticks() + time_axis(times) + body
    return figure("Price, lowest to highest", prices.unit, HEIGHT, body, regime_legend(picture))


@dataclass(frozen=True, slots=True)
class PriceAxis:
    axis: Axis
    scale: float
    """What prices are multiplied by: those of some coins begin with many zeros."""
    is_logarithmic: bool

    def at(self, price: float) -> float:
        return self.axis.at(math.log10(price * self.scale) if self.is_logarithmic else price * self.scale)

    @property
    def unit(self) -> str:
        power = round(-math.log10(self.scale))
        times = f"10{str(power).translate(RAISED)} of the " if power else ""
        return f"{times}quote currency{', logarithmic' if self.is_logarithmic else ''}"

    def ticks(self) -> str:
        if not self.is_logarithmic:
            return value_axis(self.axis)
        powers = range(math.floor(self.axis.low), math.ceil(self.axis.high) + 1)
        factors = (1, 2, 5) if self.axis.high - self.axis.low < 3.0 else (1,)
        values = [factor * 10.0**power for power in powers for factor in factors]
        return "".join(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value:,.10g}</text>'
            for value in values
            if self.axis.low <= math.log10(value) <= self.axis.high
            for y in [self.axis.at(math.log10(value))]
        )


def price_axis(low: float, high: float) -> PriceAxis:
    assert 0.0 < low <= high
    scale = 10.0 ** (3 * math.ceil(-math.log10(high) / 3)) if high < SMALL_PRICE else 1.0
    if high < low * LOGARITHMIC_FROM:
        return PriceAxis(rounded(low * scale, high * scale), scale, False)
    ends = (math.log10(low * scale) - 0.02, math.log10(high * scale) + 0.02)
    return PriceAxis(Axis(*ends, HEIGHT - BOTTOM, TOP), scale, True)


def columns_of(picture: Picture) -> tuple[Axis, "Places", float]:
    """The axis of time, where the middle of each column lies on it, and how wide a column is."""
    times = Axis(picture.begin_ms, picture.end_ms, LEFT, WIDTH - RIGHT)
    width = (times.end - times.begin) / picture.bars.size
    return times, Places(times.begin, width), width * 1.05


class Places:
    def __init__(self, begin: float, width: float) -> None:
        self._begin, self._width = begin, width

    def __call__(self, place: int) -> float:
        return round(self._begin + (place + 0.5) * self._width, 1)


def regime_legend(picture: Picture) -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 28 10" aria-hidden="true"><path class="r r{told}" stroke-width="8" d="M0 5H28"/></svg>'
        f"{escape(NAMES[told])}</li>"
        for told in np.flatnonzero(picture.regimes.sum(axis=0)).tolist()
    )
    return f'<ul class="legend">{items}</ul>'


def regime_shares(picture: Picture) -> str:
    """All of the regimes that were told within some columns, one above the other."""
    height = TOP + SHARES_HEIGHT + BOTTOM
    times, _, width = columns_of(picture)
    together = max(1, round(SHARE_WIDTH / width))
    edges = [*range(0, picture.bars.size, together), picture.bars.size]
    sums = np.add.reduceat(picture.regimes, edges[:-1]).tolist()
    lines: list[list[str]] = [[] for _ in NAMES]
    for (begin, end), counts in zip(pairwise(edges), sums, strict=True):
        left, right = (
            round(times.begin + (times.end - times.begin) * at / picture.bars.size, 1) for at in (begin, end)
        )
        whole, sofar = sum(counts), 0
        for told, count in enumerate(counts):
            if count:
                foot, top = (
                    round(height - BOTTOM - SHARES_HEIGHT * part / whole, 1) for part in (sofar, sofar + count)
                )
                lines[told].append(f"M{left} {foot}H{right}V{top}H{left}z")
                sofar += count
    body = "".join(f'<path class="s{told}" d="{"".join(path)}"/>' for told, path in enumerate(lines) if path)
    scale = "".join(
        f'<text class="tick" x="{LEFT - 8}" y="{height - BOTTOM - SHARES_HEIGHT * percent / 100 + 4:g}"'
        f' text-anchor="end">{percent}</text>'
        for percent in (0, 50, 100)
    )
    return figure("Share of each regime", "% of the bars", height, body + time_axis(times, height) + scale)


def lanes(picture: Picture) -> str:
    """What is not as it should be, and when; as high as the share of the bars that it concerns."""
    whole = np.maximum(picture.expected, 1)
    told = (
        ("missing", (picture.expected - picture.bars) / whole),
        ("no trade", picture.zero_volume / whole),
        ("dropped", picture.dropped / whole),
    )
    height = TOP + len(told) * (LANE + LANE_GAP) + BOTTOM
    times, x, width = columns_of(picture)
    parts = [time_axis(times, height)]
    for number, (name, shares) in enumerate(told):
        top = TOP + number * (LANE + LANE_GAP)
        parts.append(f'<rect class="lane" x="{LEFT}" y="{top}" width="{WIDTH - RIGHT - LEFT}" height="{LANE}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{top + 17}" text-anchor="end">{name}</text>')
        parts.extend(marks(shares, top, x, max(width, 1.5)))
    return figure("Where bars are missing, or are left out of training", "share of the bars", height, "".join(parts))


def marks(shares: NDArray[np.float64], top: float, x: Places, width: float) -> Iterator[str]:
    for place in np.flatnonzero(shares > 0.0).tolist():
        size = max(LANE * float(shares[place]), MARK_MIN)
        yield (
            f'<rect class="mark" x="{x(place) - width / 2:.1f}" y="{top + LANE - size:.1f}" width="{width:.4g}"'
            f' height="{size:.1f}"/>'
        )


# ---- features


CARD_WIDTH, CARD_HEIGHT, CARD_LEFT, CARD_BOTTOM = 280, 130, 42, 22
CARD_TICKS_MAX = 4


def histogram(found: Histogram) -> str:
    whole = sum(found.counts) + found.below + found.above
    bins = len(found.counts)
    # A single value is one bin in the middle.
    room = (abs(found.low) or 1.0) * 0.5 if bins == 1 else 0.0
    values = Axis(found.low - room, found.high + room, CARD_LEFT, CARD_WIDTH - 6)
    top = max(found.counts) / whole * 100.0
    shares = Axis(0.0, top, CARD_HEIGHT - CARD_BOTTOM, 8)
    width = (values.end - values.begin) / max(bins, 20)
    middle = (values.end + values.begin) / 2
    begin = values.begin if bins > 1 else middle - width / 2
    foot = shares.begin
    bars = "".join(
        f"M{begin + place * width:.1f} {foot}V{shares.at(100.0 * count / whole)}h{width * 0.92:.1f}V{foot}z"
        for place, count in enumerate(found.counts)
        if count
    )
    body = f'<path class="bin" d="{bars}"/>{card_axes(values, shares, top)}'
    return f'<svg viewBox="0 0 {CARD_WIDTH} {CARD_HEIGHT}" role="img" aria-label="histogram">{body}</svg>'


def card_axes(values: Axis, shares: Axis, top: float) -> str:
    baseline = shares.begin
    parts = [
        f'<line class="grid" x1="{CARD_LEFT}" x2="{CARD_WIDTH - 6}" y1="{baseline}" y2="{baseline}"/>',
        f'<text class="tick" x="{CARD_LEFT - 6}" y="{baseline + 1}" text-anchor="end">0</text>',
        f'<text class="tick" x="{CARD_LEFT - 6}" y="14" text-anchor="end">{top:.2g} %</text>',
    ]
    step = step_of(values.low, values.high)
    for number in range(math.ceil(values.low / step), math.floor(values.high / step) + 1):
        x = values.at(number * step)
        # A label at the very edge would be cut off.
        at = min(max(x, CARD_LEFT + 10), CARD_WIDTH - 20)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{baseline}" y2="{baseline + 4}"/>')
        parts.append(
            f'<text class="tick" x="{at}" y="{baseline + 17}" text-anchor="middle">{short(number * step, step)}</text>'
        )
    return "".join(parts)


def step_of(low: float, high: float) -> float:
    """The smallest that leaves room for the labels."""
    power = 10.0 ** math.floor(math.log10((high - low) / CARD_TICKS_MAX))
    steps = (power * factor for factor in (1, 2, 5, 10))
    return next(step for step in steps if math.floor(high / step) - math.ceil(low / step) < CARD_TICKS_MAX)


# ---- correlations


LABELS, CELL = 150, 28


def heat_map(names: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """Blue where two rise together, orange where one falls as the other rises; in hundredths, to be readable."""
    cell = min(CELL, (WIDTH - LABELS) / max(len(names), 1))
    height = LABELS + cell * len(names) + 4
    parts = []
    for row, name in enumerate(names):
        y, x = LABELS + (row + 0.5) * cell + 4, LABELS + (row + 0.5) * cell + 4
        parts.append(f'<text class="label" x="{LABELS - 8}" y="{y:g}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<text class="label" transform="translate({x:g} {LABELS - 8}) rotate(-60)">{escape(name)}</text>')
        for column, value in enumerate(values[row]):
            parts.append(heat_cell(row, column, value, cell))
    return figure("Rank correlations", "Spearman, −100 to 100 hundredths", height, "".join(parts))


def heat_cell(row: int, column: int, value: float | None, cell: float) -> str:
    if value is None:
        return ""
    x, y = LABELS + column * cell, LABELS + row * cell
    kind = "plus" if value >= 0.0 else "minus"
    text = f"{100.0 * value:.0f}".replace("-0", "0").replace("-", "−")
    return (
        f'<rect class="{kind}" fill-opacity="{0.55 * abs(value):.2f}" x="{x:g}" y="{y:g}" width="{cell - 1:g}"'
        f' height="{cell - 1:g}"/><text class="cell" x="{x + cell / 2 - 0.5:g}" y="{y + cell / 2 + 3.5:g}"'
        f' text-anchor="middle">{text}</text>'
    )
