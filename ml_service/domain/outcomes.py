"""What became of a decision: the facts as the bot reports them, and which of them are plausible."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ml_service.domain.lessons import Lesson
from ml_service.domain.types import Kept, Trade
from ml_service.errors import FieldError, InvalidInput

DAY_MS = 86_400_000
PNL_PERCENT_MAX = 100.0
R_MAX = 20.0
FUTURE_MS_MAX = 60_000
AGE_MS_MAX = 90 * DAY_MS
MATCH_WINDOW_MS = 120_000
"""An outcome without ids belongs to the nearest earlier `take` within this time before it was opened."""

Source = Literal["bot", "import", "trades_table", "settlement"]
"""`settlement`: nobody reported it; it was worked out from candles."""
Match = Literal["decision_id", "signal_id", "nearest", "declared", "none"]
"""`declared`: somebody said afterwards where it belongs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    user_id: str
    trade_id: str
    symbol: str
    accepted: bool = True
    """False for a rejected signal that was marked to market."""
    side: Trade | None = None
    pnl: float | None = None
    """Quote currency, net of fees."""
    pnl_percent: float | None = None
    """Percent, net: 1.5 means 1.5 %."""
    fees: float | None = None
    entry_price: float | None = None
    exit_price: float | None = None
    quantity: float | None = None
    risk: float | None = None
    """Quote currency at stake."""
    opened_at_ms: int | None = None
    closed_at_ms: int | None = None
    decision_id: str | None = None
    signal_id: str | None = None
    corrects: str | None = None
    """The trade_id of the outcome that this one puts right."""
    source: Source = "bot"
    ignored: Mapping[str, Any] = field(default_factory=dict)

    @property
    def r(self) -> float | None:
        """The result per unit of risk, where the risk is known."""
        return in_r(self.pnl, None, self.risk, None, None)


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    outcome: Outcome
    received_at_ms: int
    match: Match
    matched_decision_id: str | None
    quarantined: str | None
    """Why it is set apart, or None."""
    lesson: Lesson | None = None
    """The signal it can teach something about; None where no decision was found."""
    released_at_ms: int | None = None
    """When somebody had looked at it and let it out of quarantine."""
    superseded_by: str | None = None
    """The trade_id of the outcome that took its place."""
    waiting_for: str | None = None
    """The trade_id of the outcome that this one corrects, while that is not known."""

    @property
    def is_quarantined(self) -> bool:
        return self.quarantined is not None and self.released_at_ms is None

    @property
    def effective_at_ms(self) -> int:
        """When it closed, else when it was reported: where it stands in every list and every window."""
        return self.outcome.closed_at_ms if self.outcome.closed_at_ms is not None else self.received_at_ms

    def r(self, percent_per_r: float | None) -> float | None:
        outcome = self.outcome
        return in_r(outcome.pnl, outcome.pnl_percent, outcome.risk, self.lesson, percent_per_r)


def in_r(
    pnl: float | None, percent: float | None, risk: float | None, lesson: Lesson | None, percent_per_r: float | None
) -> float | None:
    """Profit over risk: the outcome's own risk, else the signal's, else what a unit of risk is in percent."""
    if pnl is not None and risk:
        return pnl / risk
    if lesson is not None and lesson.risk is not None and pnl is not None:
        return pnl / lesson.risk
    if percent is None:
        return None
    if lesson is not None and lesson.risk_percent is not None:
        return percent / lesson.risk_percent
    return percent / percent_per_r if percent_per_r else None


@dataclass(frozen=True, slots=True)
class OutcomeWithMarks:
    """An outcome with what learning has noted beside it. A time of 0 says that there was nothing to learn."""

    stored: StoredOutcome
    learned_at_ms: int | None
    """By the learner of its own symbol …"""
    pooled_at_ms: int | None
    """… and by its user's for all symbols."""
    percent_per_r: float | None
    """What a unit of risk was worth when it was learned from."""

    @property
    def r(self) -> float | None:
        return self.stored.r(self.percent_per_r)


Status = Literal["created", "duplicate", "conflict", "quarantined"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the report itself. `stored` is the first one under its trade_id."""

    status: Status
    kept: Kept
    stored: StoredOutcome
    refused: str | None = None
    """Why a correction was not taken; then `stored` is what was reported, and nothing was kept."""


def completed(outcome: Outcome) -> Outcome:
    """Profit in quote currency and in percent, worked out from the prices where they were left out."""
    cost = None
    if outcome.entry_price is not None and outcome.quantity is not None:
        cost = outcome.entry_price * outcome.quantity
    pnl = outcome.pnl if outcome.pnl is not None else pnl_from_prices(outcome)
    percent = outcome.pnl_percent
    if percent is None and pnl is not None and cost:
        percent = 100.0 * pnl / cost
    if pnl is None and percent is not None and cost:
        pnl = percent / 100.0 * cost
    whole = replace(outcome, pnl=pnl, pnl_percent=percent)
    # Each number was finite; what follows from them need not be.
    if not all(math.isfinite(value) for value in (whole.pnl, whole.pnl_percent, whole.r) if value is not None):
        raise InvalidInput.at("pnl", "expected a finite result, found one too large for a number")
    return whole


def pnl_from_prices(outcome: Outcome) -> float | None:
    if outcome.pnl_percent is not None or outcome.exit_price is None:
        return None
    needed = {"side": outcome.side, "entry_price": outcome.entry_price, "quantity": outcome.quantity}
    missing = tuple(
        FieldError(name, "needed to work out the result from exit_price alone")
        for name, value in needed.items()
        if value is None
    )
    if missing:
        raise InvalidInput("the result cannot be worked out", missing)
    assert outcome.entry_price is not None
    assert outcome.quantity is not None
    move = outcome.exit_price - outcome.entry_price
    return (move if outcome.side == "BUY" else -move) * outcome.quantity - (outcome.fees or 0.0)


def implausible(outcome: Outcome, now_ms: int) -> str | None:
    """Why an outcome must not be learned from before somebody has looked at it; None when it is plausible."""
    imported = outcome.source != "bot"
    if outcome.pnl_percent is not None and abs(outcome.pnl_percent) > PNL_PERCENT_MAX:
        return "pnl_percent_implausible"
    if is_absurd(outcome.r, outcome.source):
        return "risk_multiple_implausible"
    times = [at for at in (outcome.opened_at_ms, outcome.closed_at_ms) if at is not None]
    if any(at > now_ms + FUTURE_MS_MAX for at in times):
        return "from_the_future"
    if not imported and outcome.closed_at_ms is not None and outcome.closed_at_ms < now_ms - AGE_MS_MAX:
        return "too_old"
    return None


def with_decision(stored: StoredOutcome, match: Match, decision_id: str | None, lesson: Lesson | None) -> StoredOutcome:
    """As it stands once its decision is known. Measured by what the signal put at stake it may turn out implausible."""
    known = replace(stored, match=match, matched_decision_id=decision_id, lesson=lesson)
    if known.quarantined is None and is_absurd(known.r(None), known.outcome.source):
        return replace(known, quarantined="risk_multiple_implausible")
    return known


def is_absurd(r: float | None, source: Source) -> bool:
    """Not where it was worked out from candles: many R are a tight stop there, and no slip of the pen. A winner set
    apart beside losers of 1 R that teach would make tight stops look bad; learning clips it."""
    return r is not None and abs(r) > R_MAX and source != "settlement"
