"""The words of the trade: what travels between functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ml_service.domain.market.feature_rows import FeaturesUsed

Trade = Literal["BUY", "SELL"]
Action = Literal["BUY", "SELL", "HOLD"]
Judgement = Literal["take", "reject", "abstain"]
OnMissing = Literal["ignore", "abstain", "reject"]

ANY_SYMBOL = "*"
"""The scope of a user's thresholds for every symbol that has none of its own."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What the bot wants to trade, and what it knows about it."""

    symbol: str
    action: Action | None
    values: Mapping[str, float]
    """By signal field, only what was carried: missing is not zero."""
    reduce_only: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    """Known fields that the gate does not read: stop, target, risk, horizon and the like."""
    ignored: Mapping[str, Any] = field(default_factory=dict)
    """Unknown fields, kept for the record."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The default of one gate parameter, the bounds it may never leave, and what its absence means."""

    default: float
    low: float
    high: float
    on_missing: OnMissing = "ignore"


GatePolicy = Mapping[str, Limits]
"""Limits by parameter name, in the order of the shelf."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """One revision of one scope's thresholds. Revision 0 stands for the defaults."""

    user_id: str
    symbol: str
    revision: int
    values: Mapping[str, float]
    changed_at_ms: int = 0
    source: str = "default"
    reason: str = ""
    actor: str = ""
    settings_hash: str = ""


class MemberFigure(NamedTuple):
    """What one model said, and how much of a say it had."""

    model_type: str
    version: int
    probability: float | None
    """Of prices moving the signal's way, before calibration; None where it said nothing finite, and was left out."""
    weight: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the models think of a signal."""

    probability: float
    """Calibrated: that the trade pays after costs."""
    model_id: str
    """Of the set that spoke."""
    version: str
    regime: str | None = None
    members: tuple[MemberFigure, ...] = ()
    disagreement: float | None = None
    """Standard deviation of the members' probabilities, by weight."""
    distance: float | None = None
    """Of the row from those the models were trained on."""


ModelStatus = Literal[
    "ok",
    "not_asked",
    "none",
    "loading",
    "refused",
    "expired",
    "no_features",
    "stale_features",
    "foreign_schema",
    "window_missing",
    "failed",
    "out_of_domain",
    "no_figures",
]
"""What came of asking the models. not_asked: the gate refused before anybody was; none: nobody is there for the symbol;
failed: the graph ended in an error; the others say it themselves."""

ReasonVerdict = Literal["pass", "fail", "none"]


class Reason(NamedTuple):
    """What one parameter, or one rule above them, had to say.

    A tuple rather than a dataclass: seven are made for every decision, and this makes them four times faster.
    """

    code: str
    verdict: ReasonVerdict
    parameter: str | None = None
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    decision: Judgement
    code: str
    reasons: tuple[Reason, ...]


class Decision(NamedTuple):
    """A verdict with everything it came from, so that it can be executed again.

    A tuple, as the reasons are: a dataclass that cannot be changed takes three times as long to make.
    """

    user_id: str
    decision_id: str
    named_by_caller: bool
    evaluated_at_ms: int
    signal: Signal
    verdict: Verdict
    thresholds: Thresholds
    settings_hash: str
    forecast: Forecast | None = None
    model_status: ModelStatus = "none"
    """What came of asking the models."""
    features: FeaturesUsed | None = None
    """None: there were no candles of its symbol."""
    killed: bool = False
    degraded: tuple[str, ...] = ()
    snapshot_age_ms: int = 0
    processing_us: int = 0

    @property
    def regime(self) -> str | None:
        """Of the market, as the model or else the feature row saw it."""
        if self.forecast is not None and self.forecast.regime is not None:
            return self.forecast.regime
        return self.features.regime if self.features is not None else None


Kept = Literal["database", "journal"]


class RecordedDecision(NamedTuple):
    """Where a decision was kept, and the one that already stood under its id."""

    kept: Kept | None
    earlier: Decision | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """No new risk, for everybody or for one user (`user_id` is `*` for everybody)."""

    user_id: str
    on: bool
    reason: str
    actor: str
    changed_at_ms: int
