"""Requests and answers as models. Beyond this file everything is typed, finite and in range."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from ml_service.domain.gate import told
from ml_service.domain.outcomes import Outcome, Receipt, StoredOutcome
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import ANY_SYMBOL, Decision, GatePolicy, Signal, Thresholds
from ml_service.errors import FieldError, InvalidInput
from ml_service.usecases.evaluate import Asked
from ml_service.web.wire import id_of, iso, symbol_of, time_of, user_of

CONFIDENCE_ADJUSTMENT_MAX = 0.2
SIGNALS_MAX = 1000
OUTCOMES_MAX = 1000
UNKNOWN_BYTES_MAX = 16_384
UNKNOWN_NAMES_MAX = 200
NESTING_MAX = 64

Model = TypeVar("Model", bound=BaseModel)


def upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Symbol = Annotated[str, AfterValidator(symbol_of), Field(max_length=80, examples=["BTCUSDT"])]
UserId = Annotated[str, AfterValidator(user_of)]
OwnId = Annotated[str, AfterValidator(id_of)]
TradeId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[ -~]+$")]
Time = Annotated[int, BeforeValidator(time_of, json_schema_input_type=str)]
"""Milliseconds, from ISO-8601 text."""
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
TradeSide = Annotated[Literal["BUY", "SELL"], BeforeValidator(upper)]


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class OpenBody(BaseModel):
    """Unknown fields are kept and named, not refused."""

    model_config = ConfigDict(strict=True, extra="allow")


# ---- evaluate


class SignalBody(OpenBody):
    """A signal as the bot knows it. A field that is absent or null has no opinion."""

    symbol: Symbol | None = None
    action: Annotated[Literal["BUY", "SELL", "HOLD"] | None, BeforeValidator(upper)] = None
    confidence: Annotated[Number, Field(ge=0, le=1)] | None = None
    rsi: Annotated[Number, Field(ge=0, le=100)] | None = None
    macd: Number | None = Field(None, description="MACD minus its signal line, in percent of the price")
    ma_crossover: Number | None = Field(None, description="fast / slow - 1")
    volume: NotNegative | None = Field(None, description="quote volume of the last 24 hours")
    change_percent: Number | None = Field(None, description="percent")
    momentum: Number | None = Field(None, description="percent; read where change_percent is absent")
    reduce_only: bool | None = Field(None, description="closes or reduces a position; allowed under the kill switch")
    price: Positive | None = None
    stop: Positive | None = None
    target: Positive | None = None
    risk: Positive | None = Field(None, description="quote currency at stake")
    horizon_minutes: Positive | None = None
    signal_id: OwnId | None = None
    decision_id: OwnId | None = Field(None, description="the caller's own id; the same id gets the first answer")


class EvaluateBody(OpenBody):
    """The signal inside `signal`; the fields of a signal bare are accepted as well."""

    signal: SignalBody | None = None
    decision_id: OwnId | None = None
    user_id: UserId | None = Field(None, description="only for POST /evaluate")


class BatchBody(Body):
    signals: Annotated[list[Any], Field(min_length=1, max_length=SIGNALS_MAX)]


VALUE_FIELDS = tuple(dict.fromkeys(name for parameter in PARAMETERS.values() for name in parameter.fields))
DETAIL_FIELDS = ("price", "stop", "target", "risk", "horizon_minutes", "signal_id")


def asked_from(body: Mapping[str, Any]) -> Asked:
    """One request for a decision, wrapped in `signal` or bare."""
    wrapped = body.get("signal")
    if wrapped is None:
        signal = checked(SignalBody, {name: value for name, value in body.items() if name != "signal"})
        return asked(signal, signal.decision_id, {})
    if not isinstance(wrapped, dict):
        raise InvalidInput.at("signal", f"expected an object, found {shown(wrapped)}")
    signal = checked(SignalBody, wrapped, "signal")
    rest = {name: value for name, value in body.items() if name not in ("signal", "decision_id", "user_id")}
    named = body.get("decision_id")
    if named is not None:
        named = checked_id(named)
    return asked(signal, named or signal.decision_id, rest)


def asked(signal: SignalBody, decision_id: str | None, beside: dict[str, Any]) -> Asked:
    carried = signal.__dict__
    extra = signal.model_extra or {}
    extra.pop("user_id", None)
    return Asked(
        signal=Signal(
            symbol=signal.symbol or ANY_SYMBOL,
            action=signal.action,
            values={name: carried[name] for name in VALUE_FIELDS if carried[name] is not None},
            reduce_only=bool(signal.reduce_only),
            details={name: carried[name] for name in DETAIL_FIELDS if carried[name] is not None},
            ignored=kept_unknown({**extra, **beside}),
        ),
        decision_id=decision_id,
    )


def kept_unknown(fields: dict[str, Any]) -> dict[str, Any]:
    """Unknown fields for the record; where they are very large, their names alone."""
    if not fields:
        return fields
    if depth(fields) > NESTING_MAX:
        raise InvalidInput.at(next(iter(fields)), f"expected at most {NESTING_MAX} levels of nesting")
    if len(orjson.dumps(fields)) > UNKNOWN_BYTES_MAX:
        return dict.fromkeys(list(fields)[:UNKNOWN_NAMES_MAX])
    return fields


def depth(value: object) -> int:
    """How many objects and arrays stand inside each other; counted level by level, so any depth will do."""
    level, count = [value], 0
    while level:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        count += 1
    return count - 1


def checked_id(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput.at("decision_id", f"expected text, found {shown(value)}")
    try:
        return id_of(value)
    except ValueError as error:
        raise InvalidInput.at("decision_id", str(error)) from None


def decision_data(decision: Decision, policy: GatePolicy) -> dict[str, Any]:
    """The answer of evaluate. `policy` is the one the decision was made under."""
    verdict, signal, forecast = decision.verdict, decision.signal, decision.forecast
    confidence = signal.values.get("confidence")
    probability = forecast.probability if forecast is not None else None
    adjusted = probability if probability is not None else confidence
    thresholds = decision.thresholds.values
    data: dict[str, Any] = {
        "user_id": decision.user_id,
        "symbol": signal.symbol,
        "decision_id": decision.decision_id,
        "should_trade": verdict.decision == "take",
        "decision": verdict.decision,
        "code": verdict.code,
        "reasoning": told(verdict),
        "reasons": [
            {"code": code, "parameter": name, "value": value, "limit": limit, "verdict": told_by}
            for code, told_by, name, value, limit in verdict.reasons
        ],
        "adjusted_confidence": adjusted,
        "confidence_adjustment": adjustment(confidence, probability),
        "probability": probability,
        "thresholds": thresholds,
        "thresholds_revision": decision.thresholds.revision,
        "thresholds_symbol": decision.thresholds.symbol,
        "threshold_adjustments": {
            name: thresholds[name] - limits.default for name, limits in policy.items() if name in thresholds
        },
        "model": None
        if forecast is None
        else {"id": forecast.model_id, "version": forecast.version, "regime": forecast.regime},
        "degraded": list(decision.degraded),
        "ignored_fields": list(signal.ignored),
        "processing_time_ms": decision.processing_us / 1000,
        "evaluated_at": iso(decision.evaluated_at_ms),
        "settings_hash": decision.settings_hash,
    }
    if decision.degraded:
        data["snapshot_age_ms"] = decision.snapshot_age_ms
    return data


def adjustment(confidence: float | None, probability: float | None) -> float:
    if confidence is None or probability is None:
        return 0.0
    return min(max(probability - confidence, -CONFIDENCE_ADJUSTMENT_MAX), CONFIDENCE_ADJUSTMENT_MAX)


def provenance(decision: Decision) -> dict[str, Any]:
    """What the list and the look-up of decisions show beside the answer itself."""
    signal = decision.signal
    return {
        "action": signal.action,
        "signal": {**signal.values, **signal.details, "reduce_only": signal.reduce_only},
        "ignored": dict(signal.ignored),
        "kill_switch": decision.killed,
    }


# ---- outcomes


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


def outcome_from(user_id: str, body: Mapping[str, Any]) -> Outcome:
    given = checked(OutcomeBody, body)
    if given.pnl is None and given.pnl_percent is None and given.exit_price is None:
        raise InvalidInput.at("pnl", "expected one of pnl, pnl_percent, exit_price")
    if given.opened_at is not None and given.closed_at is not None and given.closed_at < given.opened_at:
        raise InvalidInput.at("closed_at", "expected a time at or after opened_at")
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
        "source": outcome.source,
        "quarantined": stored.quarantined,
        "ignored_fields": list(outcome.ignored),
    }


# ---- thresholds


class ThresholdsBody(Body):
    symbol: Symbol | None = None
    thresholds: Annotated[dict[str, Number], Field(min_length=1)]
    reason: Text | None = None


class ResetBody(Body):
    symbol: Symbol | None = None
    reason: Text | None = None


def thresholds_data(thresholds: Thresholds, asked_symbol: str, policy: GatePolicy) -> dict[str, Any]:
    return {
        "user_id": thresholds.user_id,
        "symbol": asked_symbol,
        "thresholds": dict(thresholds.values),
        "revision": thresholds.revision,
        "inherited_from": thresholds.symbol if thresholds.symbol != asked_symbol else None,
        "bounds": {
            name: {"low": limits.low, "high": limits.high, "default": limits.default} for name, limits in policy.items()
        },
        "source": thresholds.source,
        "reason": thresholds.reason,
        "changed_at": iso(thresholds.changed_at_ms) if thresholds.revision else None,
        "last_adaptation": None,
    }


def revision_data(thresholds: Thresholds) -> dict[str, Any]:
    return {
        "user_id": thresholds.user_id,
        "symbol": thresholds.symbol,
        "revision": thresholds.revision,
        "thresholds": dict(thresholds.values),
        "source": thresholds.source,
        "reason": thresholds.reason,
        "actor": thresholds.actor,
        "settings_hash": thresholds.settings_hash,
        "changed_at": iso(thresholds.changed_at_ms),
    }


# ---- lists, times, switches, keys


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SymbolQuery(Query):
    symbol: Symbol = ANY_SYMBOL


class PageQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] | None = None


class HistoryQuery(PageQuery):
    symbol: Symbol | None = None


class DecisionsQuery(PageQuery):
    symbol: Symbol | None = None
    since: Time | None = None
    until: Time | None = None
    kind: Literal["take", "reject", "abstain"] | None = None


class OutcomesQuery(PageQuery):
    symbol: Symbol | None = None
    since: Time | None = None
    until: Time | None = None
    kind: Literal["accepted", "rejected", "quarantined"] | None = None


class AsOfQuery(Query):
    user_id: UserId
    symbol: Symbol = ANY_SYMBOL
    at: Time


class StatsQuery(Query):
    hours_back: Annotated[float, Field(gt=0, le=24 * 366)] = 24.0


class KillQuery(Query):
    user_id: UserId | None = None


class AuditQuery(Query):
    after: Annotated[int, Field(ge=0, lt=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class KillBody(Body):
    on: bool
    reason: Text = ""
    user_id: UserId | None = None


class KeyBody(Body):
    scope: Literal["user", "service", "cron", "admin"]
    users: Annotated[list[UserId], Field(min_length=1, max_length=1000)] | None = None
    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    expires_at: Time | None = None


class RotateBody(Body):
    grace_hours: Annotated[float, Field(ge=0, le=24 * 90)] = 24.0


class KeyQuery(Query):
    id: OwnId


# ---- from text to models, every error at once


def checked(model: type[Model], value: Any, under: str = "") -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = tuple(field_error(one, under) for one in error.errors(include_url=False))
        raise InvalidInput("; ".join(f"{one.path}: {one.message}" for one in found[:5]), found) from None


def field_error(error: ErrorDetails, under: str) -> FieldError:
    path = ".".join(str(part) for part in (under, *error["loc"]) if part != "")
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if error["type"] in ("missing", "extra_forbidden"):
        return FieldError(path or "body", message)
    return FieldError(path or "body", f"{message}, found {shown(error['input'])}")


def shown(value: object) -> str:
    if isinstance(value, dict | list):
        # Not its content: it may be endless, or nested deeper than can be written out.
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else text[:57] + "..."
