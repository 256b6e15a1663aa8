"""Evaluate: may this signal be traded?"""

from typing import Any

from flask import Blueprint, Response

from ml_service.domain.types import Decision
from ml_service.errors import InvalidInput
from ml_service.usecases.evaluate import UNRECORDED, Asked, evaluate, turned_away
from ml_service.web.call import Call, current
from ml_service.web.contracts import contract
from ml_service.web.policies import adjustments_of
from ml_service.web.schemas.checking import checked, shown
from ml_service.web.schemas.decisions import decision_data
from ml_service.web.schemas.signals import BatchBody, EvaluateBody, asked_from
from ml_service.web.security import require_user
from ml_service.web.wire import ok, user_of

signals = Blueprint("signals", __name__)

ANSWER = "The decision: should_trade, decision, reasons, thresholds and where they come from."


@signals.post("/api/v1/evaluate/<user_id>")
@contract("own", "decide", body=EvaluateBody, answer=ANSWER)
def evaluate_signal(user_id: str) -> Response:
    """Decide one signal."""
    return answer(user_id, asked_from(current().json_object()))


@signals.post("/evaluate")
@contract("own", "decide", body=EvaluateBody, answer=ANSWER)
def evaluate_short() -> Response:
    """Decide one signal; the user stands in the body."""
    body = current().json_object()
    user_id = body.get("user_id")
    if not isinstance(user_id, str):
        raise InvalidInput.at("user_id", f"expected text, found {shown(user_id)}")
    try:
        user_of(user_id)
    except ValueError as error:
        raise InvalidInput.at("user_id", str(error)) from None
    require_user(current().caller, user_id)
    return answer(user_id, asked_from(body))


@signals.post("/api/v1/evaluate/<user_id>/batch")
@contract("own", "decide", body=BatchBody, body_limit="batch", answer="One result per signal, in their order.")
def evaluate_batch(user_id: str) -> Response:
    """Decide up to 1,000 signals in one call; a wrong one gets its own error."""
    signals_given = checked(BatchBody, current().json_object()).signals
    results: list[dict[str, Any] | None] = []
    right: list[Asked] = []
    for position, one in enumerate(signals_given):
        try:
            if not isinstance(one, dict):
                raise InvalidInput.at("signal", f"expected an object, found {shown(one)}")
            right.append(asked_from(one))
            results.append(None)
        except InvalidInput as error:
            results.append(wrong_item(position, error))
    call = current()
    decisions = decide_all(user_id, right, call)
    # Most of them share their thresholds; worked out once for each.
    apart = {id(one.thresholds): one for one in decisions}
    moved = {key: adjustments_of(one, call.parts) for key, one in apart.items()}
    decided = iter([decision_data(one, moved[id(one.thresholds)]) for one in decisions])
    call.log.update(user_id=user_id, signals=len(results))
    return ok(
        {
            "user_id": user_id,
            "count": len(results),
            "results": [
                {"index": position, "success": True, "data": next(decided)} if result is None else result
                for position, result in enumerate(results)
            ],
        }
    )


def wrong_item(position: int, error: InvalidInput) -> dict[str, Any]:
    return {
        "index": position,
        "success": False,
        "error": str(error),
        "code": error.code,
        "errors": [{"path": one.path, "message": one.message} for one in error.errors],
    }


def answer(user_id: str, asked: Asked) -> Response:
    call = current()
    decision = decide_all(user_id, [asked], call)[0]
    call.log.update(
        user_id=user_id,
        symbol=decision.signal.symbol,
        decision=decision.verdict.decision,
        code=decision.verdict.code,
        revision=decision.thresholds.revision,
        decision_id=decision.decision_id,
    )
    if decision.forecast is not None:
        call.log.update(model=decision.forecast.model_id, probability=decision.forecast.probability)
    if decision.degraded:
        call.log["degraded"] = decision.degraded
    return ok(decision_data(decision, adjustments_of(decision, call.parts)))


def decide_all(user_id: str, asked: list[Asked], call: Call) -> list[Decision]:
    use, clock = call.parts, call.clock()
    if call.shed:
        view = use.snapshot.view()
        answers = [turned_away(user_id, one, view, clock, use.entropy) for one in asked]
    else:
        answers = evaluate(
            user_id,
            asked,
            snapshot=use.snapshot,
            forecaster=use.forecaster,
            recorder=use.recorder,
            clock=clock,
            entropy=use.entropy,
            wait_ms=use.live.record_wait_ms,
        )
    for decision, kept in answers:
        use.telemetry.decided(
            decision.verdict.decision, decision.verdict.code, kept or UNRECORDED, decision.model_status
        )
    return [decision for decision, _ in answers]
