"""A request for a decision: the signal as the bot knows it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import ANY_SYMBOL, Signal
from ml_service.errors import InvalidInput
from ml_service.usecases.evaluate import Asked
from ml_service.web.schemas.checking import checked, shown
from ml_service.web.schemas.fields import Body, NotNegative, Number, OpenBody, OwnId, Positive, Symbol, UserId, upper
from ml_service.web.schemas.unknown import kept_unknown
from ml_service.web.wire import id_of

SIGNALS_MAX = 1000


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


def checked_id(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput.at("decision_id", f"expected text, found {shown(value)}")
    try:
        return id_of(value)
    except ValueError as error:
        raise InvalidInput.at("decision_id", str(error)) from None
