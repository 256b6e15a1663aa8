"""Settlement: what a signal would have come to, marked to market by the candles that followed it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Candles, Floats

Side = Literal["BUY", "SELL"]
Why = Literal["stop", "target", "horizon"]

PRESENT_MIN = 0.9
"""Of the bars on the way. Some venues leave a minute without a trade out; what a longer hole hides nobody knows."""
PRICE_RATIO_MAX = 2.0
"""Beyond it, the signal's own price is that of another instrument or unit: these candles tell nothing of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the signal meant to do. Without a stop or a target it holds until the horizon."""

    side: Side
    at_ms: int
    horizon_ms: int
    price: float | None = None
    stop: float | None = None
    target: float | None = None

    @property
    def until_ms(self) -> int:
        return self.at_ms + self.horizon_ms


@dataclass(frozen=True, slots=True)
class Costs:
    """In percent, of what changes hands, each way."""

    fee_percent: float = 0.04
    slippage_percent: float = 0.02

    def of(self, entry: float, exit: float) -> float:
        """Both ways, in percent of what was paid at the entry."""
        return (self.fee_percent + self.slippage_percent) * (entry + exit) / entry


@dataclass(frozen=True, slots=True)
class Settled:
    entry_price: float
    exit_price: float
    why: Why
    opened_at_ms: int
    closed_at_ms: int
    """When the price was reached, where that is known; else when the bar in which it was reached had closed."""
    pnl_percent: float
    """Net of fee and slippage, before any haircut: learning takes that off."""
    not_followed: tuple[str, ...] = ()
    """Why a stop or a target was left out of account."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    reason: Literal[
        "no_candles",
        "candles_end_early",
        "bars_too_long",
        "gap_over_entry",
        "gap_on_the_way",
        "gap_over_exit",
        "another_price",
        "no_price",
    ]

    @property
    def may_come(self) -> bool:
        """Whether candles that are still to come could settle it; a hole may be filled."""
        return self.reason in ("no_candles", "candles_end_early", "gap_over_entry", "gap_on_the_way", "gap_over_exit")


def settled(plan: Plan, candles: Candles, interval_ms: int, costs: Costs) -> Settled | Unsettled:
    """In at the open of the next bar; out at the stop, at the target, or at the close of the bar in which the horizon
    ends."""
    entry_at_ms = entered_at_ms(plan, interval_ms)
    if entry_at_ms >= plan.until_ms:
        return Unsettled("bars_too_long")
    moments = candles.opened_at_ms
    first, end = np.searchsorted(moments, (entry_at_ms, plan.until_ms)).tolist()
    if first == len(moments):
        return Unsettled("candles_end_early" if first else "no_candles")
    if moments[first] != entry_at_ms:
        return Unsettled("gap_over_entry")
    part = slice(first, end)
    entry = float(candles.open[first])
    if not 0.0 < entry < math.inf:
        return Unsettled("no_price")
    if plan.price is not None and not entry / PRICE_RATIO_MAX <= plan.price <= entry * PRICE_RATIO_MAX:
        return Unsettled("another_price")

    stop, target, not_followed = levels(plan, entry)
    found = touched(plan.side, stop, target, candles.open[part], candles.high[part], candles.low[part])
    if found is not None:
        index, why, price, at_open = found
    elif moments[end - 1] + interval_ms < plan.until_ms:
        return Unsettled("candles_end_early" if end == len(moments) else "gap_over_exit")
    else:
        index, why, price, at_open = end - 1 - first, "horizon", float(candles.close[end - 1]), False
    move = price - entry if plan.side == "BUY" else entry - price
    percent = 100.0 * move / entry - costs.of(entry, price)
    if not (price > 0.0 and math.isfinite(percent)):
        return Unsettled("no_price")
    reached_at_ms = int(moments[first + index])
    if index + 1 < PRESENT_MIN * ((reached_at_ms - entry_at_ms) // interval_ms + 1):
        return Unsettled("gap_on_the_way")
    return Settled(
        entry_price=entry,
        exit_price=price,
        why=why,
        opened_at_ms=entry_at_ms,
        closed_at_ms=reached_at_ms if at_open else reached_at_ms + interval_ms,
        pnl_percent=percent,
        not_followed=not_followed,
    )


def entered_at_ms(plan: Plan, interval_ms: int) -> int:
    """A bar that opens at the very moment of the signal is not the next one: nobody is that fast."""
    return (plan.at_ms // interval_ms + 1) * interval_ms


def levels(plan: Plan, entry: float) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Stop and target as far as they make sense, and why not."""
    given = [(name, level) for name, level in (("stop", plan.stop), ("target", plan.target)) if level is not None]
    # By the price that the signal saw: a market that had left the stop behind before the entry is no mistake of its.
    reference = entry if plan.price is None else plan.price
    sense: dict[str, float] = {}
    complaints = []
    for name, level in given:
        below = (name == "stop") == (plan.side == "BUY")
        if level < reference if below else level > reference:
            sense[name] = level
        else:
            expected = "below" if below else "above"
            complaints.append(f"{name}: expected {expected} {reference:g} for a {plan.side}, found {level:g}")
    return sense.get("stop"), sense.get("target"), tuple(complaints)


def touched(
    side: Side, stop: float | None, target: float | None, opens: Floats, highs: Floats, lows: Floats
) -> tuple[int, Why, float, bool] | None:
    """Which bar, which level, at what price, and whether at its open; the stop first where nobody can tell."""
    if stop is None and target is None:
        return None
    # A SELL is a BUY in a mirror.
    sign, worst, best = (1.0, lows, highs) if side == "BUY" else (-1.0, -highs, -lows)
    opens = sign * opens
    floor = -np.inf if stop is None else sign * stop
    ceiling = np.inf if target is None else sign * target
    stopped, reached = first_of(worst <= floor), first_of(best >= ceiling)
    index = min(stopped, reached)
    if index == len(opens):
        return None
    open_ = float(opens[index])
    if stopped == index and not open_ >= ceiling:
        # Over a gap there was nobody to sell to at the stop.
        return index, "stop", sign * min(open_, floor), open_ <= floor
    # A limit order is filled at its limit, also where the market jumps beyond it.
    return index, "target", sign * ceiling, open_ >= ceiling


def first_of(flags: NDArray[np.bool_]) -> int:
    """The length where none is true."""
    index = int(flags.argmax()) if flags.size else 0
    return index if flags.size and flags[index] else flags.size
