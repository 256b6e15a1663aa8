"""Thresholds: read them, set them by hand, put the defaults back, see every revision."""

from typing import Any

from flask import Blueprint, Response, request

from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.types import ANY_SYMBOL, Thresholds
from ml_service.errors import InvalidInput, Unavailable
from ml_service.usecases.set_thresholds import Reset, Restore, Set, Wanted, set_thresholds
from ml_service.usecases.what_if import what_if
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.adaptations import RestoreBody
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.thresholds import (
    HistoryQuery,
    ResetBody,
    SymbolQuery,
    ThresholdsBody,
    last_data,
    learning_data,
    revision_data,
    thresholds_data,
)
from ml_service.web.schemas.what_if import WhatIfBody, what_if_data
from ml_service.web.wire import TIME_MS_MIN, iso, ok

thresholds = Blueprint("thresholds", __name__)

WINDOW_MS = 30 * DAY_MS


@thresholds.get("/api/v1/thresholds/<user_id>")
@contract(
    "own", query=SymbolQuery, answer="Values, bounds, revision, where they are inherited from, and how learning stands."
)
def get_thresholds(user_id: str) -> Response:
    """The thresholds that decide now."""
    query = checked(SymbolQuery, request.args.to_dict())
    use = parts()
    view = use.snapshot.view()
    found = thresholds_data(view.thresholds_for(user_id, query.symbol), query.symbol, view.policy)
    return ok({**found, **learned(user_id, query.symbol)})


@thresholds.put("/api/v1/thresholds/<user_id>")
@contract("own", body=ThresholdsBody, answer="The new revision.")
def put_thresholds(user_id: str) -> Response:
    """Set some or all thresholds by hand, inside their bounds."""
    body = checked(ThresholdsBody, current().json_object())
    return changed(user_id, body.symbol or ANY_SYMBOL, Set(body.thresholds), body.reason)


@thresholds.post("/api/v1/thresholds/<user_id>/reset")
@contract("own", body=ResetBody, answer="The new revision, with every default.")
def reset_thresholds(user_id: str) -> Response:
    """Put every default back."""
    body = checked(ResetBody, current().json_object_or_nothing())
    return changed(user_id, body.symbol or ANY_SYMBOL, Reset(), body.reason)


@thresholds.post("/api/v1/thresholds/<user_id>/restore")
@contract("own", body=RestoreBody, answer="The new revision, with the values of the former one.")
def restore_thresholds(user_id: str) -> Response:
    """Bring a former revision back; learning begins anew around it."""
    body = checked(RestoreBody, current().json_object())
    return changed(user_id, body.symbol or ANY_SYMBOL, Restore(body.revision), body.reason)


@thresholds.get("/api/v1/thresholds/<user_id>/history")
@contract("own", query=HistoryQuery, answer="Revisions, newest first, with the cursor of the next page.")
def get_history(user_id: str) -> Response:
    """Every revision, newest first."""
    query = checked(HistoryQuery, request.args.to_dict())
    with parts().store.read() as reading:
        page = reading.thresholds_history(user_id, query.symbol, query.cursor, query.limit)
        learned = reading.adaptations_of(user_id, [(one.symbol, one.revision) for one in page.items])
    items = [revision_data(one, learned.get((one.symbol, one.revision))) for one in page.items]
    return ok({"items": items, "next_cursor": page.next_cursor})


@thresholds.post("/api/v1/thresholds/<user_id>/what-if")
@contract("own", "slow", body=WhatIfBody, answer="What these thresholds would have changed, with intervals.")
def post_what_if(user_id: str) -> Response:
    """Run these thresholds over past signals whose result is known."""
    use = parts()
    body = checked(WhatIfBody, current().json_object())
    symbol = None if body.symbol == ANY_SYMBOL else body.symbol
    since_ms = body.since
    if since_ms is None:
        end_ms = body.until if body.until is not None else current().now_ms
        since_ms = max(end_ms - WINDOW_MS, TIME_MS_MIN)
    elif body.until is not None and since_ms >= body.until:
        raise InvalidInput.at("since", "expected a time before until")
    imagined = what_if(
        user_id,
        symbol,
        body.thresholds,
        since_ms=since_ms,
        until_ms=body.until,
        limit=body.limit,
        view=use.snapshot.view(),
        store=use.store,
    )
    current().log.update(symbol=symbol or ANY_SYMBOL, signals=imagined.comparison.signals.count)
    window = {"since": iso(since_ms), "until": iso(body.until) if body.until is not None else None}
    return ok({"user_id": user_id, "symbol": symbol or ANY_SYMBOL, **window, **what_if_data(imagined)})


def learned(user_id: str, symbol: str) -> dict[str, Any]:
    try:
        with parts().store.read() as reading:
            latest, learner = reading.adaptation_before(user_id, symbol), reading.learner(user_id, symbol)
    except Unavailable:
        # What decides is known all the same.
        return {"last_adaptation": None, "learning": None}
    return {"last_adaptation": last_data(latest), "learning": learning_data(learner)}


def changed(user_id: str, symbol: str, wanted: Wanted, reason: str | None) -> Response:
    use = parts()
    view = use.snapshot.view()
    following: Thresholds = set_thresholds(
        user_id,
        symbol,
        wanted,
        reason=reason or "",
        actor=current().actor,
        policy=view.policy,
        settings_hash=view.settings_hash,
        now_ms=current().now_ms,
        store=use.store,
    )
    use.snapshot.catch_up()
    current().log.update(symbol=symbol, revision=following.revision)
    return ok({**thresholds_data(following, symbol, view.policy), **learned(user_id, symbol)})
