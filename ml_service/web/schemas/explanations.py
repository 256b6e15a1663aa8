"""Explanations as they are answered."""

from typing import Any

from ml_service.domain.job import Job
from ml_service.usecases.explain import Explanation

METHOD = (
    "Each feature in turn is taken as missing, in every row that the models look at, and the same models are asked"
    " again: an effect is their forecast with the feature less the one without it. Features act together, so effects"
    " need not add up."
)

CONSTANT = (
    " No feature moves this forecast: later rows did not bear these models out, so that it is always the share of"
    " trades that paid, whatever its members say."
)

ASK = "POST to this address and the worker works them out; or on the host: models explain DECISION_ID --user USER_ID"


def contributions_data(job: Job | None) -> dict[str, Any]:
    """What every feature added to each model's own figure, where the worker was asked for it."""
    if job is None:
        return {"state": "not_asked", "how": ASK, "job_id": None, "members": None, "error": None}
    return {
        "state": job.state,
        "how": (job.result or {}).get("method", ASK),
        "job_id": job.id,
        "members": (job.result or {}).get("members"),
        "error": job.error,
    }


def explanation_data(explanation: Explanation) -> dict[str, Any]:
    decision, forecast = explanation.decision, explanation.forecast
    return {
        "user_id": decision.user_id,
        "decision_id": decision.decision_id,
        "symbol": decision.signal.symbol,
        "action": decision.signal.action,
        "model": {"id": forecast.model_id, "version": forecast.version},
        "probability": forecast.probability,
        "method": METHOD + (CONSTANT if all(one.log_odds == 0.0 for one in explanation.effects) else ""),
        "effects": [
            {
                "feature": one.feature,
                "value": one.value,
                "probability": one.probability,
                "log_odds": one.log_odds,
                "members": [
                    {"type": member.model_type, "log_odds": effect}
                    for member, effect in zip(forecast.members, one.members, strict=True)
                ],
            }
            for one in explanation.effects
        ],
    }
