"""Performance and analytics: what the trades came to, and what the decisions were worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request

from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.performance import performance_of_trades
from ml_service.domain.performance.score import score
from ml_service.domain.performance.tally import Cut, History
from ml_service.domain.performance.trade import ClosedTrade
from ml_service.domain.types import ANY_SYMBOL
from ml_service.errors import InvalidInput
from ml_service.usecases.history import histories, latest
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.formats import csv_response
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.performance import (
    ANALYTICS_HEADER,
    MOVES_MAX,
    AnalyticsQuery,
    PerformanceQuery,
    analytics_data,
    analytics_rows,
    breakdown_data,
    figures,
    figures_of,
    score_data,
    series_data,
)
from ml_service.web.wire import iso, ok

performance = Blueprint("performance", __name__)

HOUR_MS = 3_600_000


@performance.get("/api/v1/performance/<user_id>")
@contract("own", query=PerformanceQuery, answer="Every figure over the window; null is what is not known.")
def get_performance(user_id: str) -> Response:
    """Returns, ratios, drawdowns, streaks and the composite score."""
    use = parts()
    query = checked(PerformanceQuery, request.args.to_dict())
    symbol = query.symbol if query.symbol != ANY_SYMBOL else None
    if symbol is not None and query.by == "symbol":
        raise InvalidInput.at("by", "expected hour, revision or regime where one symbol is asked for, found symbol")
    since_ms = current().now_ms - int(query.days_back * DAY_MS) if query.days_back is not None else None
    whole, parted = Cut(symbol), Cut(symbol, query.by)
    found = histories(user_id, list({whole, parted}), since_ms, store=use.store, rollups=use.rollups)
    history = found[whole].get(None, History())
    last = latest(user_id, whole, history, since_ms, use.live.adaptation.performance_window, store=use.store)
    weights = use.live.adaptation.score_weights
    data = {
        "user_id": user_id,
        "symbol": symbol or ANY_SYMBOL,
        "since": iso(since_ms) if since_ms is not None else None,
        "until": iso(current().now_ms),
        **figures(history, weights),
        "recent": recent(last, weights),
        **series_data(history, query),
    }
    if query.by is not None:
        data["by"] = breakdown_data(query.by, found[parted], weights)
    return ok(data)


def recent(trades: Sequence[ClosedTrade], weights: Mapping[str, float]) -> dict[str, Any]:
    """The last trades alone, as many as the settings say."""
    found = performance_of_trades(trades)
    return {
        "total_trades": found.total_trades,
        "total_pnl": found.total_pnl,
        **figures_of(found),
        "score": score_data(score(found, weights)),
    }


@performance.get("/api/v1/analytics/<user_id>")
@contract(
    "own",
    "slow",
    query=AnalyticsQuery,
    answer="Decisions, outcomes, adaptations and the value of what was rejected, in all and by symbol.",
    other_media=("text/csv",),
)
def get_analytics(user_id: str) -> Response:
    """What was decided over the last hours, what came of it, and what rejecting was worth."""
    use = parts()
    query = checked(AnalyticsQuery, request.args.to_dict())
    since_ms = current().now_ms - int(query.hours_back * HOUR_MS)
    whole, by_symbol = Cut(), Cut(by="symbol")
    found = histories(user_id, [whole, by_symbol], since_ms, store=use.store, rollups=use.rollups)
    with use.store.read() as reading:
        decisions = reading.decision_counts(user_id, since_ms)
        move_counts = reading.move_counts(user_id, since_ms)
        moves = reading.moves(user_id, since_ms, MOVES_MAX)
    data = analytics_data(found[whole].get(None, History()), found[by_symbol], decisions, move_counts, moves)
    if query.format == "csv":
        return csv_response("analytics.csv", ANALYTICS_HEADER, analytics_rows(data))
    return ok({"user_id": user_id, "since": iso(since_ms), "until": iso(current().now_ms), **data})
