"""The pictures of a training: told against came, what features weigh, figures by threshold and by fold."""

from collections.abc import Mapping, Sequence
from html import escape

from ml_service.cli.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TICKS_MAX,
    TOP,
    WIDTH,
    Axis,
    figure,
    rounded,
    short,
    style_of,
    value_axis,
)
from ml_service.cli.report.features_charts import step_of

STYLE = """
.bin { fill: var(--c0); } .label { font-size: 12px; fill: var(--ink); } .true { stroke-dasharray: 4 4; }
.wide + .wide { margin-top: 1.25rem; }
"""

BAR, NAMES = 20, 190
Line = tuple[str, Sequence[tuple[float, float]]]


def plot(title: str, unit: str, across: str, lines: Sequence[Line], *, level: bool = False) -> str:
    """Lines over numbers; `level` draws where both axes say the same."""
    points = [point for _, line in lines for point in line]
    assert points, "nothing to draw"
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    room = 0.0 if high > low else abs(low) * 0.1 or 1.0
    xs = Axis(low - room, high + room, LEFT, WIDTH - RIGHT)
    ys = rounded(min(y for _, y in points), max(y for _, y in points))
    drawn = "".join(curve(line, number, xs, ys) for number, (_, line) in enumerate(lines))
    ideal = diagonal(xs, ys) if level else ""
    key = "".join(
        f'<li><svg viewBox="0 0 28 10" aria-hidden="true"><path class="curve {style_of(number)}" d="M0 5H28"/></svg>'
        f"{escape(name)}</li>"
        for number, (name, _) in enumerate(lines)
    )
    body = f"{value_axis(ys)}{number_axis(xs, across)}{ideal}{drawn}"
    return figure(title, unit, HEIGHT + 16, body, f'<ul class="legend">{key}</ul>')


def curve(line: Sequence[tuple[float, float]], number: int, xs: Axis, ys: Axis) -> str:
    style = style_of(number)
    path = "L".join(f"{xs.at(x)} {ys.at(y)}" for x, y in line)
    dots = "".join(
        f'<circle class="dot {style}" cx="{xs.at(x)}" cy="{ys.at(y)}" r="3"><title>{x:.3g}: {y:.3g}</title></circle>'
        for x, y in line
    )
    return f'<path class="curve {style}" d="M{path}"/>{dots}'


def diagonal(xs: Axis, ys: Axis) -> str:
    low, high = max(xs.low, ys.low), min(xs.high, ys.high)
    if low >= high:
        return ""
    return (
        f'<line class="zero true" x1="{xs.at(low)}" y1="{ys.at(low)}" x2="{xs.at(high)}" y2="{ys.at(high)}">'
        "<title>told and came are the same</title></line>"
    )


def number_axis(axis: Axis, says: str) -> str:
    step = step_of(axis.low, axis.high)
    parts = []
    first = -int(-axis.low // step) if axis.low % step else int(axis.low // step)
    for number in range(first, first + 2 * TICKS_MAX):
        value = number * step
        if not axis.low <= value <= axis.high:
            continue
        x, y = axis.at(value), HEIGHT - BOTTOM
        parts.append(
            f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{y}"/>'
            f'<text class="tick" x="{min(x, WIDTH - 20)}" y="{y + 18}" text-anchor="middle">{short(value, step)}</text>'
        )
    middle = (axis.begin + axis.end) / 2
    parts.append(f'<text class="tick" x="{middle}" y="{HEIGHT + 6}" text-anchor="middle">{escape(says)}</text>')
    return "".join(parts)


def bars(title: str, unit: str, shares: Mapping[str, float]) -> str:
    """The largest first."""
    rows = sorted(shares.items(), key=lambda one: (-one[1], one[0]))
    most = max([share for _, share in rows], default=0.0) or 1.0
    parts = []
    for number, (name, share) in enumerate(rows):
        y = 4 + number * BAR
        width = (WIDTH - NAMES - 70) * share / most
        parts.append(
            f'<text class="label" x="{NAMES - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bin" x="{NAMES}" y="{y + 3}" width="{width:.1f}" height="{BAR - 6}"/>'
            f'<text class="tick" x="{NAMES + width + 6:.1f}" y="{y + 14}">{100 * share:.1f} %</text>'
        )
    return figure(title, unit, 8 + BAR * len(rows), "".join(parts))
