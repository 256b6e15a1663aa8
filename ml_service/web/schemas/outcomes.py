"""Outcomes as the bot reports them, and as they are told back."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ml_service.domain.doubts import doubt
from ml_service.domain.outcomes import Outcome, Receipt, StoredOutcome
from ml_service.errors import InvalidInput
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.fields import Body, Number, OpenBody, OwnId, PageQuery, Positive, Symbol, Text, Time, upper
from ml_service.web.schemas.unknown import kept_unknown
from ml_service.web.wire import iso

OUTCOMES_MAX = 1000
TradeId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[ -~]+$")]
TradeSide = Annotated[Literal["BUY", "SELL"], BeforeValidator(upper)]


class OutcomeBody(OpenBody):
    """What became of a trade. Needed: trade_id, symbol, and one of pnl, pnl_percent, exit_price."""

    trade_id: TradeId
    symbol: Symbol
    accepted: bool | None = Field(None, description="false for a rejected signal that was marked to market")
    side: TradeSide | None = None
    pnl: Number | None = Field(None, description="quote currency, net of fees")
    pnl_percent: Number | None = Field(None, description="percent, net: 1.5 means 1.5 %")
    fees: Number | None = None
    entry_price: Positive | None = None
    exit_price: Positive | None = None
    quantity: Positive | None = None
    risk: Positive | None = Field(None, description="quote currency at stake")
    opened_at: Time | None = None
    closed_at: Time | None = None
    decision_id: OwnId | None = None
    signal_id: OwnId | None = None
    corrects: TradeId | None = Field(None, description="the trade_id of the outcome that this one puts right")
    source: Literal["bot", "import"] | None = None


class OutcomesBody(Body):
    outcomes: Annotated[list[Any], Field(min_length=1, max_length=OUTCOMES_MAX)]


class OutcomesQuery(PageQuery):
    symbol: Symbol | None = None
    since: Time | None = None
    until: Time | None = None
    kind: Literal["accepted", "rejected", "counterfactual", "quarantined", "superseded", "unmatched"] | None = Field(
        None, description="counterfactual is another word for rejected"
    )


class QuarantineQuery(PageQuery):
    symbol: Symbol | None = None
    since: Time | None = None
    until: Time | None = None


class ReleaseBody(Body):
    reason: Annotated[Text, Field(min_length=1)]


class MatchBody(Body):
    decision_id: OwnId
    reason: Text | None = None


def outcome_from(user_id: str, body: Mapping[str, Any]) -> Outcome:
    given = checked(OutcomeBody, body)
    if given.pnl is None and given.pnl_percent is None and given.exit_price is None:
        raise InvalidInput.at("pnl", "expected one of pnl, pnl_percent, exit_price")
    if given.opened_at is not None and given.closed_at is not None and given.closed_at < given.opened_at:
        raise InvalidInput.at("closed_at", "expected a time at or after opened_at")
    if given.corrects == given.trade_id:
        raise InvalidInput.at("corrects", "expected the trade_id of another outcome")
    return Outcome(
        user_id=user_id,
        trade_id=given.trade_id,
        symbol=given.symbol,
        accepted=given.accepted is not False,
        side=given.side,
        pnl=given.pnl,
        pnl_percent=given.pnl_percent,
        fees=given.fees,
        entry_price=given.entry_price,
        exit_price=given.exit_price,
        quantity=given.quantity,
        risk=given.risk,
        opened_at_ms=given.opened_at,
        closed_at_ms=given.closed_at,
        decision_id=given.decision_id,
        signal_id=given.signal_id,
        corrects=given.corrects,
        source=given.source or "bot",
        ignored=kept_unknown(given.model_extra or {}),
    )


def receipt_data(receipt: Receipt) -> dict[str, Any]:
    if receipt.refused is not None:
        outcome = receipt.stored.outcome
        return {
            "user_id": outcome.user_id,
            "trade_id": outcome.trade_id,
            "corrects": outcome.corrects,
            "status": receipt.status,
            "stored": None,
            "duplicate": False,
            "error": receipt.refused,
        }
    return {
        **outcome_data(receipt.stored),
        "status": receipt.status,
        "stored": receipt.kept,
        "duplicate": receipt.status == "duplicate",
    }


def outcome_data(stored: StoredOutcome) -> dict[str, Any]:
    outcome = stored.outcome
    return {
        "user_id": outcome.user_id,
        "trade_id": outcome.trade_id,
        "symbol": outcome.symbol,
        "accepted": outcome.accepted,
        "side": outcome.side,
        "pnl": outcome.pnl,
        "pnl_percent": outcome.pnl_percent,
        "fees": outcome.fees,
        "entry_price": outcome.entry_price,
        "exit_price": outcome.exit_price,
        "quantity": outcome.quantity,
        "risk": outcome.risk,
        "r": outcome.r,
        "opened_at": iso(outcome.opened_at_ms) if outcome.opened_at_ms is not None else None,
        "closed_at": iso(outcome.closed_at_ms) if outcome.closed_at_ms is not None else None,
        "received_at": iso(stored.received_at_ms),
        "decision_id": stored.matched_decision_id or outcome.decision_id,
        "matched_by": stored.match if stored.match != "none" else None,
        "corrects": outcome.corrects,
        "waiting_for": stored.waiting_for,
        "superseded_by": stored.superseded_by,
        "source": outcome.source,
        "quarantined": stored.quarantined,
        "released_at": iso(stored.released_at_ms) if stored.released_at_ms is not None else None,
        "ignored_fields": list(outcome.ignored),
    }


def doubt_data(stored: StoredOutcome) -> dict[str, Any]:
    """An outcome with what is doubtful about it."""
    why = doubt(stored)
    if why is None:
        return {**outcome_data(stored), "doubt": None}
    found = iso(int(why.found)) if why.found is not None and why.field.endswith("_at") else why.found
    return {**outcome_data(stored), "doubt": {"field": why.field, "expected": why.expected, "found": found}}
