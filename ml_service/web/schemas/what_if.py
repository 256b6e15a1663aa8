"""What if: the question, and its answer."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from ml_service.domain.statistics.estimate import Estimate
from ml_service.domain.what_if import HAIRCUT_R, Comparison, Tally
from ml_service.usecases.what_if import Imagined
from ml_service.web.schemas.fields import Body, Number, Symbol, Time

SIGNALS_MAX = 10_000
TALLIES = ("signals", "taken_now", "taken_then", "gained", "let_in", "avoided", "missed")


class WhatIfBody(Body):
    """Some or all thresholds, the rest as now. Without `since`: 30 days."""

    symbol: Symbol | None = None
    thresholds: Annotated[dict[str, Number], Field(min_length=1)]
    since: Time | None = None
    until: Time | None = None
    limit: Annotated[int, Field(ge=1, le=SIGNALS_MAX)] = SIGNALS_MAX


def what_if_data(imagined: Imagined) -> dict[str, Any]:
    return {
        "thresholds": {"now": dict(imagined.choice.now), "then": dict(imagined.choice.then)},
        **comparison_data(imagined.comparison),
        "complete": imagined.complete,
        "haircut_r": HAIRCUT_R,
        "without_outcome": {
            "decisions": imagined.without_outcome,
            "complete": imagined.without_outcome_complete,
            **asdict(imagined.flips),
        },
    }


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    return {
        **{name: tally_data(getattr(comparison, name)) for name in TALLIES},
        "days": comparison.days,
        "difference_per_day_r": estimate_data(comparison.difference_per_day),
    }


def tally_data(tally: Tally) -> dict[str, Any]:
    return {
        "count": tally.count,
        "counterfactual": tally.counterfactual,
        "r_known": tally.r_known,
        "sum_r": estimate_data(tally.sum_r),
        "mean_r": estimate_data(tally.mean_r),
        "pnl_known": tally.pnl_known,
        "pnl": tally.pnl,
    }


def estimate_data(estimate: Estimate | None) -> dict[str, float | None] | None:
    return asdict(estimate) if estimate is not None else None
