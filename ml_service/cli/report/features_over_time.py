"""The pictures of a stream over time: price by regime, the share of each regime, and what is missing when."""

import math
from collections.abc import Iterator
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
    figure,
    rounded,
    time_axis,
    value_axis,
)
from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.report.picture import Picture

NAMES = (*REGIMES, "not known yet")
LOGARITHMIC_FROM = 8.0
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
"""


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
