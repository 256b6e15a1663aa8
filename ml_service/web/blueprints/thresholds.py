"""Thresholds: read them, set them by hand, put the defaults back, see every revision."""

from flask import Blueprint, Response, request

from ml_service.domain.types import ANY_SYMBOL, Thresholds
from ml_service.usecases.set_thresholds import set_thresholds
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.thresholds import (
    HistoryQuery,
    ResetBody,
    SymbolQuery,
    ThresholdsBody,
    revision_data,
    thresholds_data,
)
from ml_service.web.wire import ok

thresholds = Blueprint("thresholds", __name__)


@thresholds.get("/api/v1/thresholds/<user_id>")
@contract("own", query=SymbolQuery, answer="Values, bounds, revision, and where they are inherited from.")
def get_thresholds(user_id: str) -> Response:
    """The thresholds that decide now."""
    query = checked(SymbolQuery, request.args.to_dict())
    view = parts().snapshot.view()
    return ok(thresholds_data(view.thresholds_for(user_id, query.symbol), query.symbol, view.policy))


@thresholds.put("/api/v1/thresholds/<user_id>")
@contract("own", body=ThresholdsBody, answer="The new revision.")
def put_thresholds(user_id: str) -> Response:
    """Set some or all thresholds by hand, inside their bounds."""
    body = checked(ThresholdsBody, current().json_object())
    return changed(user_id, body.symbol or ANY_SYMBOL, body.thresholds, body.reason)


@thresholds.post("/api/v1/thresholds/<user_id>/reset")
@contract("own", body=ResetBody, answer="The new revision, with every default.")
def reset_thresholds(user_id: str) -> Response:
    """Put every default back."""
    body = checked(ResetBody, current().json_object_or_nothing())
    return changed(user_id, body.symbol or ANY_SYMBOL, None, body.reason)


@thresholds.get("/api/v1/thresholds/<user_id>/history")
@contract("own", query=HistoryQuery, answer="Revisions, newest first, with the cursor of the next page.")
def get_history(user_id: str) -> Response:
    """Every revision, newest first."""
    query = checked(HistoryQuery, request.args.to_dict())
    with parts().store.read() as reading:
        page = reading.thresholds_history(user_id, query.symbol, query.cursor, query.limit)
    return ok({"items": [revision_data(one) for one in page.items], "next_cursor": page.next_cursor})


def changed(user_id: str, symbol: str, wanted: dict[str, float] | None, reason: str | None) -> Response:
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
    return ok(thresholds_data(following, symbol, view.policy))
