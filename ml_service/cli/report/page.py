"""The report as one HTML file that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from ml_service.cli.report.charts import Curve, Point, chart
from ml_service.domain.doubts import doubt
from ml_service.domain.learner import Adaptation, Learner
from ml_service.domain.outcomes import DAY_MS, StoredOutcome
from ml_service.domain.report.arms import Arm, Compared
from ml_service.domain.report.report import Report
from ml_service.domain.statistics.estimate import Estimate
from ml_service.domain.types import ANY_SYMBOL
from ml_service.domain.what_if import HAIRCUT_R
from ml_service.web.wire import iso

UNITS = {
    "confidence_threshold": "probability, 0 to 1",
    "rsi_threshold": "RSI points, 0 to 100",
    "macd_threshold": "percent of the price",
    "ma_crossover_threshold": "fast / slow − 1",
    "volume_threshold": "quote volume of 24 hours",
    "momentum_threshold": "percent",
}
ARM_NAMES = {
    "decided": "what was decided",
    "frozen": "thresholds of the beginning, never moved",
    "always": "every signal taken",
}

STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #59636e; --paper: #ffffff; --line: #d8dee4; --wash: #f4f6f8;
  --c0: #0b62c4; --c1: #b35900; --c2: #6e7781; --c3: #1a7f37; --c4: #8250df; --c5: #bf3989; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4af; --paper: #12161c; --line: #323a45;
  --wash: #1b2129; --c0: #6cb2ff; --c1: #ffa657; --c2: #9aa4af; --c3: #57c970; --c4: #bf9dff; --c5: #ff8fc7; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .5rem 0; } .soft, .unit, .tick { color: var(--soft); }
.verdict { background: var(--wash); border-left: 4px solid var(--c0); padding: .75rem 1rem; margin: 1rem 0; }
figure { margin: 1.25rem 0; } figcaption { font-weight: 600; } .unit { font-weight: 400; }
svg { display: block; width: 100%; height: auto; }
.tick { fill: var(--soft); font-size: 12px; } .grid { stroke: var(--line); stroke-width: 1; }
.zero { stroke: var(--soft); stroke-width: 1.5; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; } .again { stroke-dasharray: 14 4; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); stroke-dasharray: 8 4; }
.c2 { stroke: var(--c2); stroke-dasharray: 2 4; } .c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); }
.c5 { stroke: var(--c5); }
.dot.c0 { fill: var(--c0); } .dot.c1 { fill: var(--c1); } .dot.c2 { fill: var(--c2); } .dot.c3 { fill: var(--c3); }
.dot.c4 { fill: var(--c4); } .dot.c5 { fill: var(--c5); }
.dot { stroke: var(--paper); stroke-width: 1.5; stroke-dasharray: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .25rem 0; padding: 0;
  font-size: .9rem; } .legend li { display: flex; align-items: center; gap: .5rem; } .legend svg { width: 28px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media print { body { max-width: none; } figure, tr { break-inside: avoid; } }
"""


def page(report: Report) -> str:
    scope = report.symbol or "all symbols"
    title = f"{report.user_id}, {scope}"
    parts = (
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{minute(report.since_ms)} to {minute(report.until_ms)} UTC, by the time of closing.</p>',
        *benefit(report),
        *rejected(report.compared),
        *thresholds(report),
        *adaptations(report),
        *performance(report),
        *cycles(report),
        *quarantine(report),
    )
    return shell(title, "".join(parts))


def shell(title: str, body: str, more_style: str = "") -> str:
    """The body is markup, and escaped already; the title is text."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{more_style}</style></head><body>{body}</body></html>\n"
    )


# ---- was it worth it


def benefit(report: Report) -> Iterator[str]:
    yield "<h2>Has learning paid?</h2>"
    found = report.compared
    if found is None:
        yield '<p class="verdict">No evidence of benefit: no signal of the window has a known result.</p>'
        return
    yield f'<p class="verdict">{escape(verdict(found))}</p>'
    yield chart("Cumulated result", "R, net", [cumulated(arm, found.first_day) for arm in found.arms])
    yield table(
        "The same signals under three rules",
        ("", "#taken", "#never traded", "#total, R", "#decided minus this, R", "#95 % interval"),
        [
            (
                ARM_NAMES[arm.name],
                str(arm.taken),
                str(arm.counterfactual),
                signed(arm.total),
                signed(arm.ahead.value) if arm.ahead is not None else "",
                interval(arm.ahead) if arm.ahead is not None else "",
            )
            for arm in found.arms
        ],
    )
    yield (
        f"<p>{report.signals_known} signals with a known result, judged again by the gate itself, under today's bounds."
        f" Left out: {report.signals_unknown} without a decision or without a result in R, and those in"
        " quarantine. R is the result per unit of risk. Intervals count days as the independent pieces, since the"
        " signals of one day share one market.</p>"
        f"<p>What was never traded, but marked to market, counts {HAIRCUT_R:g} R less: such results know neither"
        " slippage nor a queue. The two other rules did not trade either: had they, prices could have moved, and the"
        " bot might have been in another trade. What was decided also followed the kill switch and the settings of its"
        " time.</p>"
    )


def verdict(found: Compared) -> str:
    ahead = found.frozen.ahead
    if ahead is None or ahead.low is None:
        return "No evidence of benefit: results of at least two days are needed to tell a difference from chance."
    told = f"what was decided, less what thresholds that never moved would have taken, is {signed(ahead.value)} R"
    told += f" (95 % {interval(ahead)})"
    if found.is_better:
        return f"Evidence of benefit: {told}."
    if found.is_worse:
        return f"Evidence of harm: {told}."
    return f"No evidence of benefit: {told}; the interval contains 0."


def cumulated(arm: Arm, first_day: int) -> Curve:
    begin = Point(first_day * DAY_MS, 0.0)
    ends = [Point((first_day + number + 1) * DAY_MS, value) for number, value in enumerate(arm.by_day)]
    return Curve(ARM_NAMES[arm.name], [begin, *ends])


def rejected(found: Compared | None) -> Iterator[str]:
    if found is None:
        return
    yield "<h2>What rejecting was worth</h2>"
    if found.rejected is None:
        yield "<p>No signal with a known result was rejected.</p>"
        return
    value = found.rejected
    saved = "rejecting them saved that much" if value.value < 0 else "rejecting them cost that much"
    unsure = (
        ""
        if value.low is not None and value.high is not None and (value.low > 0 or value.high < 0)
        else " That is not to be told from chance."
    )
    yield (
        f"<p>{found.rejected_count} signals that were not taken came to {signed(value.value)} R"
        f" (95 % {interval(value)}): {saved}.{unsure} {HAIRCUT_R:g} R were taken off each that was never traded.</p>"
    )


# ---- how thresholds moved


def thresholds(report: Report) -> Iterator[str]:
    yield "<h2>Thresholds over time</h2>"
    if report.scopes_left_out:
        yield f'<p class="soft">{report.scopes_left_out} further symbols that moved less often are not drawn.</p>'
    still = []
    for name, own in report.lines.items():
        if all(len(line.steps) <= 2 for line in own):
            still.append((plain(name), figure(own[0].steps[0].value) if own else "", UNITS.get(name, "")))
            continue
        curves = [
            Curve(
                scope_name(line.symbol),
                [
                    Point(step.at_ms, step.value, f"{minute(step.at_ms)}: {figure(step.value)}. {step.why}")
                    if step.why
                    else Point(step.at_ms, step.value)
                    for step in line.steps
                ],
            )
            for line in own
        ]
        yield chart(plain(name), UNITS.get(name, ""), curves, stepped=True)
    if still:
        yield table("Never moved in the window", ("threshold", "#value", "unit"), still)


def adaptations(report: Report) -> Iterator[str]:
    rows = [row for one in report.adaptations for row in moves(one)]
    if rows:
        yield table(
            "Every move that was learned, and why",
            ("time, UTC", "scope", "threshold", "#from", "#to", "reason", "taken back by"),
            rows,
        )
    else:
        yield "<p>Nothing was moved by learning in the window.</p>"


def moves(one: Adaptation) -> Iterator[tuple[str, ...]]:
    undone = f"revision {one.undone_by}" if one.undone_by is not None else ""
    for move in one.explanation.get("moved") or ():
        yield (
            minute(one.at_ms),
            scope_name(one.symbol),
            plain(str(move["parameter"])),
            figure(move["before"]),
            figure(move["after"]),
            str(move["sentence"]),
            undone,
        )


# ---- figures


def performance(report: Report) -> Iterator[str]:
    found = report.performance
    yield "<h2>Performance of the trades taken</h2>"
    drawdown = found.drawdown
    rows = (
        ("trades", str(found.total_trades), "accepted outcomes that count, quarantined ones included"),
        ("total pnl", known(found.total_pnl), "quote currency, net of fees"),
        ("total return", percent(found.total_return_percent), "the sum of percents: the same stake in every trade"),
        (
            "compounded return",
            percent(found.compounded_return_percent),
            "everything in every trade, one after the other",
        ),
        ("win rate", share(found.win_rate), "won ÷ (won + lost + tied), Wilson's 95 % interval"),
        (
            "expectancy",
            estimated(found.r.expectancy, " R"),
            "mean result of a trade; days are the pieces of the interval",
        ),
        ("profit factor", known(found.r.profit_factor), "gains ÷ losses, in R"),
        ("volatility", percent(found.volatility_percent), "deviation of daily returns × √365"),
        ("Sharpe ratio", known(found.sharpe_ratio), "mean ÷ deviation of daily returns × √365"),
        ("probability of the Sharpe ratio", known(found.sharpe_probability), "that the true one is above 0"),
        ("Sortino ratio", known(found.sortino_ratio), "as Sharpe, by the days that lost alone"),
        ("Calmar ratio", known(found.calmar_ratio), "annual return ÷ max drawdown"),
        (
            "max drawdown",
            percent(drawdown.percent if drawdown else None),
            "deepest fall of daily equity below its peak",
        ),
        ("days of it", str(drawdown.days) if drawdown else "not known", "days that ended below the peak before"),
        (
            "longest streaks",
            f"{found.wins_streak_max} won, {found.losses_streak_max} lost",
            "trades in a row; a tie ends either",
        ),
        ("exposure", known(found.exposure), "positions open on average, where their times are known"),
        ("composite score", known(report.score.value if report.score else None), "0 to 1, weighted by the settings"),
    )
    yield table("", ("figure", "#value", "definition"), rows)


def cycles(report: Report) -> Iterator[str]:
    yield "<h2>How learning stands</h2>"
    if not report.learners:
        yield "<p>Nothing has been learned yet.</p>"
        return
    yield table(
        "The last cycle of each scope; of those that held, only the last one is kept",
        ("scope", "time, UTC", "came to", "reason", "new outcomes", "held until"),
        [last(one, report.until_ms) for one in report.learners],
    )


def last(learner: Learner, now_ms: int) -> tuple[str, ...]:
    told = learner.last or {}
    held = minute(learner.held_until_ms) if learner.held_until_ms > now_ms else ""
    return (
        scope_name(learner.symbol),
        minute(learner.adapted_at_ms) if learner.adapted_at_ms else "",
        str(told.get("verdict", "")),
        f"frozen by hand: {learner.frozen}" if learner.frozen is not None else str(told.get("reason", "")),
        str(told.get("new_outcomes", "")),
        held,
    )


def quarantine(report: Report) -> Iterator[str]:
    yield "<h2>In quarantine</h2>"
    if not report.quarantined_count:
        yield "<p>Nothing of the window is in quarantine.</p>"
        return
    rows = []
    for stored in report.quarantined:
        rows.append(
            (
                minute(stored.effective_at_ms),
                stored.outcome.symbol,
                stored.outcome.trade_id,
                stored.quarantined or "",
                doubted(stored),
            )
        )
    left = report.quarantined_count - len(rows)
    yield table(
        "Counted in the totals, and nothing is learned from them until somebody has looked",
        ("time, UTC", "symbol", "trade", "why", "what is doubtful"),
        rows,
    )
    if left:
        yield f'<p class="soft">and {left} more</p>'


def doubted(stored: StoredOutcome) -> str:
    why = doubt(stored)
    if why is None:
        return ""
    found = iso(int(why.found)) if why.found is not None and why.field.endswith("_at") else why.found
    return f"{why.field}: expected {why.expected}, found {found}"


# ---- how things are written


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A column whose name begins with # holds numbers. Every cell is text, and escaped here."""
    numbers = [name.startswith("#") for name in header]
    names = "".join(
        f"<th{class_of(is_number)} scope=col>{escape(name.removeprefix('#'))}</th>"
        for name, is_number in zip(header, numbers, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{class_of(is_number)}>{escape(text)}</td>" for text, is_number in zip(row, numbers, strict=True))
        + "</tr>"
        for row in rows
    )
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{told}<thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table></div>'


def class_of(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def scope_name(symbol: str) -> str:
    return "all symbols (*)" if symbol == ANY_SYMBOL else symbol


def plain(parameter: str) -> str:
    return parameter.removesuffix("_threshold").replace("_", " ")


def minute(at_ms: int) -> str:
    return iso(at_ms)[:16].replace("T", " ")


def figure(value: Any) -> str:
    if not isinstance(value, int | float):
        return ""
    return (f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.4g}").replace("-", "−")


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "not known from a single day"
    return f"{signed(estimate.low)} to {signed(estimate.high)}"


def known(value: float | None) -> str:
    return f"{value:,.4g}".replace("-", "−") if value is not None else "not known"


def percent(value: float | None) -> str:
    return f"{known(value)} %" if value is not None else "not known"


def share(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not known"
    shown = f"{100 * estimate.value:.1f} %"
    if estimate.low is None or estimate.high is None:
        return shown
    return f"{shown} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def estimated(estimate: Estimate | None, unit: str) -> str:
    if estimate is None:
        return "not known"
    shown = f"{signed(estimate.value)}{unit}"
    return f"{shown} ({interval(estimate)})" if estimate.low is not None else shown
