"""The pictures of single features, and of all of them beside each other: histograms, and a table of correlations.

Colours come from the page's style, by class, so that they follow the reader's light or dark.
"""

import math
from collections.abc import Sequence
from html import escape

from ml_service.cli.report.charts import WIDTH, Axis, figure, short
from ml_service.domain.report.columns import Histogram

STYLE = """
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem 1.5rem; }
.small figure { margin: 0; } .small p { font-size: .85rem; margin: 0; } .bin { fill: var(--c0); }
.cell { font-size: 10.5px; fill: var(--ink); } .label { font-size: 12px; fill: var(--ink); }
.plus { fill: var(--c0); } .minus { fill: var(--c1); }
"""

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
