"""Adaptations: what is asked, and what is told of them."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ml_service.domain.learner import Adaptation, Learner
from ml_service.usecases.adapt import Adapted
from ml_service.usecases.undo import Undone
from ml_service.web.schemas.fields import Body, PageQuery, Query, Symbol, Text
from ml_service.web.wire import iso

DAY_MS = 86_400_000
WAIT_SECONDS_MAX = 25.0


class AdaptBody(Body):
    symbol: Symbol | None = None
    dry_run: bool = False


class AdaptAllBody(Body):
    dry_run: bool = False
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class WaitQuery(Query):
    wait: Annotated[float, Field(ge=0, le=WAIT_SECONDS_MAX, allow_inf_nan=False, description="seconds")] = 0.0


class RestoreBody(Body):
    symbol: Symbol | None = None
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    reason: Text | None = None


class FreezeBody(Body):
    symbol: Symbol | None = None
    reason: Text | None = None


class UndoBody(Body):
    reason: Text | None = None


class AdaptationsQuery(PageQuery):
    symbol: Symbol | None = None


def adapted_data(done: Adapted, dry_run: bool) -> dict[str, Any]:
    told = explanation_data(done.explanation_document)
    return {
        "user_id": done.user_id,
        "symbol": done.symbol,
        "verdict": told["verdict"],
        "reason": told["reason"],
        "dry_run": dry_run,
        "updates": told["updates"],
        "refused": told["refused"],
        "adapted_at": iso(done.adapted_at_ms),
        "adaptation_id": done.adaptation.id if done.adaptation is not None else None,
        "revision": done.thresholds.revision,
        "thresholds": dict(done.thresholds.values),
        "evidence": told["evidence"],
    }


def explanation_data(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "verdict": document["verdict"],
        "reason": document["reason"],
        "updates": [update_data(move) for move in document["moved"]],
        "refused": [
            {"parameter": hold["parameter"], "value": hold["value"], "target": hold["target"], "why": hold["why"]}
            for hold in document["held"]
        ],
        "evidence": {
            "algorithm": document["algorithm"],
            "preset": document["preset"],
            "new_outcomes": document["new_outcomes"],
            "window": window_data(document["window"]),
            "anchor_weight": document["anchor_weight"],
            "design_effect": document["design_effect"],
            "effective_outcomes": document["effective_count"],
            "gain_r_per_day": document["gain_per_day"],
            "regimes": document.get("regimes", []),
        },
    }


def window_data(window: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "from": iso(window["first_day"] * DAY_MS) if window["first_day"] is not None else None,
        "to": iso((window["last_day"] + 1) * DAY_MS) if window["last_day"] is not None else None,
        "outcomes": window["outcomes"],
        "accepted": window["accepted"],
        "counterfactual": window["counterfactual"],
    }


def update_data(move: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parameter": move["parameter"],
        "old_value": move["before"],
        "new_value": move["after"],
        "target": move["target"],
        "bounded_by": move["bounded_by"],
        "reason": move["sentence"],
        "confidence": confidence(move["on_the_way"]),
        "signals_flipped": move["flipped"],
        # Moves that were kept before it was told do not have it.
        "signals_flipped_r": move.get("flipped_result"),
        "signals_on_the_way_r": move["on_the_way"],
        "counterfactual_share": move["counterfactual_share"],
    }


def confidence(estimate: Mapping[str, Any] | None) -> float | None:
    """How probable it is that the signals on the way are worth what their mean says, seen by its sign alone."""
    if estimate is None or estimate["low"] is None:
        return None
    error = (estimate["high"] - estimate["mean"]) / 1.96
    return 1.0 if error == 0.0 else 0.5 * (1.0 + math.erf(abs(estimate["mean"]) / error / math.sqrt(2.0)))


def adaptation_data(adaptation: Adaptation) -> dict[str, Any]:
    return {
        "adaptation_id": adaptation.id,
        "user_id": adaptation.user_id,
        "symbol": adaptation.symbol,
        "adapted_at": iso(adaptation.at_ms),
        "revision_before": adaptation.revision_before,
        "revision": adaptation.revision,
        "undone_by_revision": adaptation.undone_by,
        **explanation_data(adaptation.explanation),
    }


def undone_data(undone: Undone) -> dict[str, Any]:
    return {
        "user_id": undone.adaptation.user_id,
        "symbol": undone.adaptation.symbol,
        "adaptation_id": undone.adaptation.id,
        "already_undone": undone.already,
        "revision": undone.thresholds.revision,
        "thresholds": dict(undone.thresholds.values),
        "held_until": iso(undone.held_until_ms),
    }


def learner_data(learner: Learner) -> dict[str, Any]:
    return {
        "user_id": learner.user_id,
        "symbol": learner.symbol,
        "frozen": learner.frozen is not None,
        "frozen_reason": learner.frozen,
    }
