"""Outcomes: what became of decisions."""

from typing import Any

from flask import Blueprint, Response, request

from ml_service.domain.outcomes import Outcome, Receipt, completed
from ml_service.errors import Conflict, InvalidInput
from ml_service.ports import Period
from ml_service.usecases.declare_match import declare_match
from ml_service.usecases.outcome import report_outcomes
from ml_service.usecases.release_outcome import release_outcome
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked, shown
from ml_service.web.schemas.outcomes import (
    MatchBody,
    OutcomeBody,
    OutcomesBody,
    OutcomesQuery,
    QuarantineQuery,
    ReleaseBody,
    doubt_data,
    outcome_data,
    outcome_from,
    receipt_data,
)
from ml_service.web.wire import ok

outcomes = Blueprint("outcomes", __name__)


@outcomes.post("/api/v1/outcomes/<user_id>")
@contract(
    "own",
    "record",
    body=OutcomeBody,
    body_limit="batch",
    answer="What was stored. For a list ({outcomes: [...]} or a bare array), one result per item.",
)
def post_outcomes(user_id: str) -> Response:
    """Report one outcome, or a list of up to 1,000; repeating a report does no harm."""
    body = current().json()
    if isinstance(body, list):
        body = {"outcomes": body}
    if not isinstance(body, dict):
        raise InvalidInput.at("body", "expected a JSON object or array")
    if "outcomes" in body:
        return ok(report_list(user_id, checked(OutcomesBody, body).outcomes))
    receipt = report([outcome_from(user_id, body)])[0]
    current().log.update(symbol=receipt.stored.outcome.symbol, outcome=receipt.status, stored=receipt.kept)
    if receipt.refused is not None:
        raise Conflict(f"the correction was not taken: {receipt.refused}", "correction_conflict")
    if receipt.status == "conflict":
        raise Conflict(
            f"trade_id {receipt.stored.outcome.trade_id!r} already stands for another outcome, which is kept",
            "trade_id_conflict",
        )
    return ok(receipt_data(receipt))


def report_list(user_id: str, items: list[Any]) -> dict[str, Any]:
    results: list[dict[str, Any] | None] = []
    right: list[Outcome] = []
    for position, item in enumerate(items):
        try:
            if not isinstance(item, dict):
                raise InvalidInput.at("outcome", f"expected an object, found {shown(item)}")
            right.append(completed(outcome_from(user_id, item)))
            results.append(None)
        except InvalidInput as error:
            results.append(
                {
                    "index": position,
                    "status": "invalid",
                    "error": str(error),
                    "errors": [{"path": one.path, "message": one.message} for one in error.errors],
                }
            )
    receipts = iter(report(right) if right else ())
    current().log["outcomes"] = len(items)
    return {
        "user_id": user_id,
        "count": len(items),
        "results": [
            {"index": position, **receipt_data(next(receipts))} if result is None else result
            for position, result in enumerate(results)
        ],
    }


def report(given: list[Outcome]) -> list[Receipt]:
    use = parts()
    receipts = report_outcomes(given, recorder=use.recorder, now_ms=current().now_ms)
    for receipt in receipts:
        use.telemetry.reported(receipt.status, receipt.kept)
    return receipts


@outcomes.get("/api/v1/outcomes/<user_id>")
@contract("own", query=OutcomesQuery, answer="Outcomes, newest first, with the cursor of the next page.")
def list_outcomes(user_id: str) -> Response:
    """Stored outcomes, newest first."""
    query = checked(OutcomesQuery, request.args.to_dict())
    period = Period(query.symbol, query.since, query.until, query.kind)
    with parts().store.read() as reading:
        page = reading.outcomes(user_id, period, query.cursor, query.limit)
    return ok({"items": [outcome_data(one) for one in page.items], "next_cursor": page.next_cursor})


@outcomes.post("/api/v1/outcomes/<user_id>/<path:trade_id>/match")
@contract("own", body=MatchBody, answer="The outcome as it stands now.")
def match_outcome(user_id: str, trade_id: str) -> Response:
    """Say which decision an outcome belongs to."""
    body = checked(MatchBody, current().json_object())
    stored = declare_match(
        user_id,
        trade_id,
        body.decision_id,
        reason=body.reason or "",
        actor=current().actor,
        now_ms=current().now_ms,
        store=parts().store,
    )
    return ok(outcome_data(stored))


@outcomes.get("/api/v1/outcomes/<user_id>/quarantine")
@contract("own", query=QuarantineQuery, answer="What waits to be looked at, with what was expected and found.")
def list_quarantine(user_id: str) -> Response:
    """Outcomes in quarantine, newest first."""
    query = checked(QuarantineQuery, request.args.to_dict())
    period = Period(query.symbol, query.since, query.until, "held")
    with parts().store.read() as reading:
        page = reading.outcomes(user_id, period, query.cursor, query.limit)
    return ok({"items": [doubt_data(one) for one in page.items], "next_cursor": page.next_cursor})


@outcomes.post("/api/v1/outcomes/<user_id>/quarantine/<path:trade_id>/release")
@contract("own", body=ReleaseBody, answer="The outcome as it stands now; it teaches from here on.")
def post_release(user_id: str, trade_id: str) -> Response:
    """Let an outcome out of quarantine."""
    body = checked(ReleaseBody, current().json_object())
    stored = release_outcome(
        user_id,
        trade_id,
        reason=body.reason,
        actor=current().actor,
        now_ms=current().now_ms,
        store=parts().store,
    )
    return ok(outcome_data(stored))
