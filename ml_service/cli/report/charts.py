"""Charts as SVG inside a page: lines over time, with axes, units and a legend."""

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 14, 34
COLOURS = 6
"""As many as the page's style knows; further lines begin again, with longer dashes."""
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
TIME_STEPS_MS = (
    *(minutes * MINUTE_MS for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR_MS for hours in (1, 2, 3, 6, 12)),
    *(days * DAY_MS for days in (1, 2, 5, 10, 20)),
)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
TICKS_MAX = 7
LABEL_HALF = 40
"""So far a label of the time axis may reach to either side of its tick."""
DOTS_MAX = 400
"""Of a line; beyond it a reader could point at none of them."""


@dataclass(frozen=True, slots=True)
class Point:
    at_ms: int
    value: float
    told: str = ""
    """Shown when somebody points at it; a point without it is no dot."""


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    points: Sequence[Point]


def chart(title: str, unit: str, curves: Sequence[Curve], *, stepped: bool = False) -> str:
    """`stepped`: a value holds until the next one, instead of going there straight."""
    points = [point for curve in curves for point in curve.points]
    assert points, "nothing to draw"
    times = Axis(min(point.at_ms for point in points), max(point.at_ms for point in points), LEFT, WIDTH - RIGHT)
    values = rounded(min(point.value for point in points), max(point.value for point in points))
    lines = [drawn(curve, number, times, values, stepped) for number, curve in enumerate(curves)]
    body = f"{value_axis(values)}{time_axis(times)}{''.join(lines)}"
    return figure(title, unit, HEIGHT, body, legend(curves))


def figure(title: str, unit: str, height: float, body: str, key: str = "") -> str:
    label = escape(f"{title}, {unit}")
    return (
        f'<figure><figcaption>{escape(title)} <span class="unit">{escape(unit)}</span></figcaption>{key}'
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}">{body}</svg></figure>'
    )


# ---- axes


@dataclass(frozen=True, slots=True)
class Axis:
    low: float
    high: float
    begin: float
    """Where `low` lies in the picture …"""
    end: float
    """… and where `high` does."""
    step: float = 0.0

    def at(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return round(self.begin + share * (self.end - self.begin), 1)


def rounded(low: float, high: float) -> Axis:
    """Both ends on a tick, so that the whole curve lies between two labels."""
    if low == high:
        room = abs(low) * 0.1 or 1.0
        low, high = low - room, high + room
    rough = (high - low) / (TICKS_MAX - 2)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return Axis(math.floor(low / step) * step, math.ceil(high / step) * step, HEIGHT - BOTTOM, TOP, step)


def value_axis(axis: Axis) -> str:
    parts = []
    for number in range(round((axis.high - axis.low) / axis.step) + 1):
        value = axis.low + number * axis.step
        y = axis.at(value)
        kind = "zero" if abs(value) < axis.step / 1e6 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{short(value, axis.step)}</text>'
        )
    return "".join(parts)


def short(value: float, step: float) -> str:
    if abs(value) < step / 1e6:
        return "0"
    for size, letter in ((1e9, "bn"), (1e6, "m")):
        if step >= size / 10 and abs(value) >= size / 10:
            return f"{value / size:g} {letter}".replace("-", "−")
    return f"{value:,.{max(0, -math.floor(math.log10(step)))}f}".replace("-", "−")


def time_axis(axis: Axis, height: int = HEIGHT) -> str:
    moments, form = time_ticks(axis.low, axis.high)
    parts = []
    for at_ms in moments:
        x, y = axis.at(at_ms), height - BOTTOM + 18
        parts.append(
            f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{height - BOTTOM}"/>'
            f'<text class="tick" {anchored(x)} y="{y}">{utc(at_ms).strftime(form)}</text>'
        )
    return "".join(parts)


def anchored(x: float) -> str:
    """In the middle, except where the picture ends."""
    return f'x="{WIDTH}" text-anchor="end"' if x + LABEL_HALF > WIDTH else f'x="{x}" text-anchor="middle"'


def time_ticks(low: float, high: float) -> tuple[list[int], str]:
    """Moments on round times, and how they are written: beyond some weeks, months and years begin on a tick."""
    for step in TIME_STEPS_MS:
        if (high - low) / step <= TICKS_MAX:
            numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
            return [number * step for number in numbers], "%d %b %H:%M" if step < DAY_MS else "%d %b %Y"
    begin, end = utc(low), utc(high)
    first, last = 12 * begin.year + begin.month - 1, 12 * end.year + end.month - 1
    step = next((one for one in MONTH_STEPS if (last - first) / one <= TICKS_MAX), MONTH_STEPS[-1])
    months = range(-(-first // step) * step, last + 1, step)
    moments = [datetime.datetime(month // 12, month % 12 + 1, 1, tzinfo=datetime.UTC) for month in months]
    ticks = [round(at.timestamp() * 1000) for at in moments]
    return [at_ms for at_ms in ticks if at_ms >= low], "%d %b %Y"


def utc(at_ms: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)


# ---- curves


def drawn(curve: Curve, number: int, times: Axis, values: Axis, stepped: bool) -> str:
    style = style_of(number)
    path: list[str] = []
    for point in curve.points:
        x, y = times.at(point.at_ms), values.at(point.value)
        if not path:
            path.append(f"M{x} {y}")
        else:
            path.append(f"H{x}V{y}" if stepped else f"L{x} {y}")
    told = [point for point in curve.points if point.told][-DOTS_MAX:]
    dots = "".join(
        f'<circle class="dot {style}" cx="{times.at(point.at_ms)}" cy="{values.at(point.value)}" r="4">'
        f"<title>{escape(point.told)}</title></circle>"
        for point in told
    )
    return f'<path class="curve {style}" d="{"".join(path)}"/>{dots}'


def style_of(number: int) -> str:
    return f"c{number % COLOURS}" + (" again" if number >= COLOURS else "")


def legend(curves: Sequence[Curve]) -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 28 10" aria-hidden="true"><path class="curve {style_of(number)}" d="M0 5H28"/></svg>'
        f"{escape(curve.name)}</li>"
        for number, curve in enumerate(curves)
    )
    return f'<ul class="legend">{items}</ul>'
