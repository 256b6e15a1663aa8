"""Performance and analytics as they are asked for and answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from ml_service.domain.performance.performance import Performance, performance
from ml_service.domain.performance.rejected import rejected_value
from ml_service.domain.performance.score import Score, score
from ml_service.domain.performance.series import EquityPoint, RollingPoint, equity_curve, rolling
from ml_service.domain.performance.tally import Group, History
from ml_service.domain.statistics.estimate import Estimate
from ml_service.ports import DecisionCount, Move, MoveCount
from ml_service.web.schemas.fields import Query, Symbol
from ml_service.web.wire import date, iso

GROUPS_MAX = 200
"""Of a breakdown, the most traded ones."""
MOVES_MAX = 100

Weights = Mapping[str, float]
Item = TypeVar("Item")


class PerformanceQuery(Query):
    symbol: Symbol | None = None
    days_back: Annotated[float, Field(gt=0, le=36_600, allow_inf_nan=False)] | None = Field(
        None, description="everything if left out"
    )
    by: Literal["symbol", "hour", "revision", "regime"] | None = None
    equity_curve: bool = False
    rolling_days: Annotated[int, Field(ge=2, le=3_650)] | None = None
    points: Annotated[int, Field(ge=2, le=5_000)] = Field(500, description="of a series, at most")


class AnalyticsQuery(Query):
    hours_back: Annotated[float, Field(gt=0, le=24 * 366, allow_inf_nan=False)] = 24.0
    format: Literal["json", "csv"] = "json"


# ---- performance


def figures(history: History, weights: Weights) -> dict[str, Any]:
    """Everything there is to say about one group of trades."""
    found = performance(history.taken)
    return {
        **totals(found, history),
        **figures_of(found),
        "score": score_data(score(found, weights)),
    }


def totals(found: Performance, history: History) -> dict[str, Any]:
    return {
        "total_trades": found.total_trades,
        "total_pnl": found.total_pnl,
        "quarantined": found.quarantined,
        "counterfactual": history.counterfactual,
        "corrected": history.corrected,
    }


def figures_of(found: Performance) -> dict[str, Any]:
    return {
        "wins": found.wins,
        "losses": found.losses,
        "ties": found.ties,
        "win_rate": estimate_data(found.win_rate),
        "pnl": asdict(found.pnl),
        "percent": asdict(found.percent),
        "r": asdict(found.r),
        "total_return_percent": found.total_return_percent,
        "compounded_return_percent": found.compounded_return_percent,
        "annual_return_percent": found.annual_return_percent,
        "volatility_percent": found.volatility_percent,
        "sharpe_ratio": found.sharpe_ratio,
        "sharpe_probability": found.sharpe_probability,
        "sortino_ratio": found.sortino_ratio,
        "calmar_ratio": found.calmar_ratio,
        "drawdown": asdict(found.drawdown) if found.drawdown is not None else None,
        "drawdown_pnl": found.drawdown_pnl,
        "streak": found.streak,
        "wins_streak_max": found.wins_streak_max,
        "losses_streak_max": found.losses_streak_max,
        "exposure": found.exposure,
        "exposure_notional": found.exposure_notional,
        "days_traded": found.days_traded,
        "days": found.days,
    }


def estimate_data(estimate: Estimate | None) -> dict[str, float | None] | None:
    return asdict(estimate) if estimate is not None else None


def score_data(found: Score | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"value": found.value, "parts": dict(found.parts), "missing": list(found.missing)}


def breakdown_data(by: str, groups: Mapping[Group, History], weights: Weights) -> dict[str, Any]:
    traded = sorted(groups, key=lambda group: -sum(day.summary.trades for day in groups[group].taken))
    shown = sorted(traded[:GROUPS_MAX], key=order_of)
    return {
        "name": by,
        "groups": [{**group_data(by, group), **figures(groups[group], weights)} for group in shown],
        "left_out": len(traded) - len(shown),
    }


def order_of(group: Group) -> tuple[tuple[bool, Any], ...]:
    """What is not known stands first."""
    parts = group if isinstance(group, tuple) else (group,)
    return tuple((part is not None, part if part is not None else 0) for part in parts)


def group_data(by: str, group: Group) -> dict[str, Any]:
    if isinstance(group, tuple):
        thresholds_symbol, revision = group
        return {"thresholds_symbol": thresholds_symbol, "revision": revision}
    return {by: group}


def series_data(history: History, query: PerformanceQuery) -> dict[str, Any]:
    series: dict[str, Any] = {}
    if query.equity_curve:
        series["equity_curve"] = [point_data(one) for one in thinned(equity_curve(history.taken), query.points)]
    if query.rolling_days is not None:
        points = thinned(rolling(history.taken, query.rolling_days), query.points)
        series["rolling"] = {"window_days": query.rolling_days, "points": [point_data(one) for one in points]}
    return series


def point_data(point: EquityPoint | RollingPoint) -> dict[str, Any]:
    return {**asdict(point), "day": date(point.day)}


def thinned(points: Sequence[Item], most: int) -> list[Item]:
    """Evenly, with the first and the last."""
    if len(points) <= most:
        return list(points)
    last = len(points) - 1
    return [points[round(place * last / (most - 1))] for place in range(most)]


# ---- analytics


def analytics_data(
    whole: History,
    by_symbol: Mapping[Group, History],
    decisions: Sequence[DecisionCount],
    move_counts: Sequence[MoveCount],
    moves: Sequence[Move],
) -> dict[str, Any]:
    symbols = sorted({str(symbol) for symbol in by_symbol} | {one.symbol for one in decisions})
    return {
        **outcomes_data(whole),
        "decisions": decisions_data(decisions),
        "adaptations": {
            "total": sum(one.number for one in move_counts),
            "verdicts": added_up((one.verdict, one.number) for one in move_counts),
            "items": [move_data(one) for one in moves],
        },
        "symbols": [
            {
                "symbol": symbol,
                **outcomes_data(by_symbol.get(symbol, History())),
                "decisions": decisions_data([one for one in decisions if one.symbol == symbol]),
                "adaptations": sum(one.number for one in move_counts if one.symbol == symbol),
            }
            for symbol in symbols
        ],
    }


def outcomes_data(history: History) -> dict[str, Any]:
    found = performance(history.taken)
    rejected = rejected_value(history.rejected)
    return {
        **totals(found, history),
        "outcomes": {
            "wins": found.wins,
            "losses": found.losses,
            "ties": found.ties,
            "win_rate": estimate_data(found.win_rate),
            "pnl": asdict(found.pnl),
            "percent": asdict(found.percent),
            "r": asdict(found.r),
        },
        "rejected": asdict(rejected),
    }


def decisions_data(counts: Sequence[DecisionCount]) -> dict[str, Any]:
    decided = {"take": 0, "reject": 0, "abstain": 0} | added_up((one.decision, one.number) for one in counts)
    return {
        "total": sum(decided.values()),
        **decided,
        "codes": added_up((one.code, one.number) for one in counts),
    }


def added_up(counts: Iterator[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, number in counts:
        sums[name] = sums.get(name, 0) + number
    return dict(sorted(sums.items()))


def move_data(move: Move) -> dict[str, Any]:
    return {
        "adaptation_id": move.id,
        "symbol": move.symbol,
        "adapted_at": iso(move.at_ms),
        "verdict": move.verdict,
        "revision_before": move.revision_before,
        "revision": move.revision,
        "explanation": move.explanation,
        "undone_by": move.undone_by,
    }


ANALYTICS_HEADER = ("section", "symbol", "name", "value", "low", "high")


def analytics_rows(data: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """The same figures as a table, one a row; those of all symbols have no symbol."""
    yield from outcome_rows("", data)
    for own in data["symbols"]:
        yield from outcome_rows(own["symbol"], own)
    for verdict, number in data["adaptations"]["verdicts"].items():
        yield "adaptations", "", verdict, number, None, None
    for own in data["symbols"]:
        yield "adaptations", own["symbol"], "total", own["adaptations"], None, None


def outcome_rows(symbol: str, data: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for name in ("total_trades", "total_pnl", "quarantined", "counterfactual", "corrected"):
        yield "outcomes", symbol, name, data[name], None, None
    for name, value in flat(data["outcomes"]):
        yield "outcomes", symbol, name, *value
    for name, value in flat(data["rejected"]):
        yield "rejected", symbol, name, *value
    for name, value in flat(data["decisions"]):
        yield "decisions", symbol, name, *value


Cells = tuple[object, object, object]


def flat(data: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Cells]]:
    for name, value in data.items():
        if not isinstance(value, Mapping):
            yield f"{under}{name}", (value, None, None)
        elif set(value) == {"value", "low", "high"}:
            yield f"{under}{name}", (value["value"], value["low"], value["high"])
        else:
            yield from flat(value, f"{under}{name}.")
