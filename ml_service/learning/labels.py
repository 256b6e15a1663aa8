"""Labels: what a purchase and a sale at each bar would have come to, after costs. In at the next bar's open."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml_service.domain.market.candles import Candles, Floats
from ml_service.domain.market.settlement import Costs
from ml_service.learning.examples import Places

Kind = Literal["direction", "triple_barrier"]

PERCENT = 100.0
PACE_BARS = 60
"""So many bars tell how much a price usually moves."""


@dataclass(frozen=True, slots=True)
class Label:
    horizon_bars: int
    kind: Kind = "direction"
    """`triple_barrier`: out as soon as the price has moved by `barrier`, at the latest when the horizon ends."""
    barrier: float = 1.0
    """In usual moves over the horizon."""

    def __post_init__(self) -> None:
        assert self.horizon_bars >= 1
        assert self.barrier > 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One entry for each bar whose label is known."""

    places: Places
    known_from: Places
    """The bar at whose close the label was known."""
    bought: Floats
    """Net return of a purchase, as a share of what was paid …"""
    sold: Floats
    """… and of a sale. Both are below zero where the price moved by less than the costs."""


def labels_of(candles: Candles, interval_ms: int, label: Label, costs: Costs) -> Labels:
    """A bar has none when the horizon reaches over a gap, or beyond the end."""
    places = labelled(candles, interval_ms, label.horizon_bars)
    entry = candles.open[places + 1]
    if label.kind == "direction":
        ends = places + label.horizon_bars
        leaving = candles.close[ends]
        exits = (leaving, leaving)
    else:
        places, ends, exits = through_barriers(candles, places, label)
        entry = candles.open[places + 1]
    bought, sold = (net(entry, leaving, sign, costs) for leaving, sign in zip(exits, (1.0, -1.0), strict=True))
    known = np.isfinite(bought) & np.isfinite(sold)
    return Labels(places[known], ends[known], bought[known], sold[known])


def labelled(candles: Candles, interval_ms: int, horizon: int) -> Places:
    at = candles.opened_at_ms
    whole = at[horizon:] - at[:-horizon] == horizon * interval_ms if at.size > horizon else np.zeros(0, bool)
    return np.flatnonzero(whole).astype(np.int64)


def net(entry: Floats, leaving: Floats, sign: float, costs: Costs) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = (costs.fee_percent + costs.slippage_percent) / PERCENT * (entry + leaving) / entry
        found: Floats = sign * (leaving / entry - 1.0) - paid
    return found


def through_barriers(candles: Candles, places: Places, label: Label) -> tuple[Places, Places, tuple[Floats, Floats]]:
    """Where both barriers lie within one bar, nobody knows which came first: the worse one for either side did."""
    reach = usual_move(candles, label)[places]
    places, reach = places[reach > 0.0], reach[reach > 0.0]
    entry = candles.open[places + 1]
    upper, lower = entry * (1.0 + reach), entry * (1.0 - reach)
    ends = places + label.horizon_bars
    bought, sold = candles.close[ends].copy(), candles.close[ends].copy()
    open_ = np.ones(places.size, bool)
    for later in range(1, label.horizon_bars + 1):
        at = places + later
        above, below = open_ & (candles.high[at] >= upper), open_ & (candles.low[at] <= lower)
        # Over a gap there was nobody to trade with at the barrier.
        over, under = np.maximum(upper, candles.open[at]), np.minimum(lower, candles.open[at])
        bought = np.where(below, under, np.where(above, upper, bought))
        sold = np.where(above, over, np.where(below, lower, sold))
        touched = above | below
        ends = np.where(touched, at, ends)
        open_ &= ~touched
    return places, ends, (bought, sold)


def usual_move(candles: Candles, label: Label) -> Floats:
    """Of the horizon, from the bars up to each; NaN while there are too few."""
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.diff(np.log(candles.close), prepend=np.nan)
    squares = np.where(np.isfinite(moves), moves, 0.0) ** 2
    sums = np.concatenate(([0.0], np.cumsum(squares)))
    found = np.full(len(candles), np.nan)
    found[PACE_BARS:] = np.sqrt((sums[PACE_BARS + 1 :] - sums[1:-PACE_BARS]) / PACE_BARS)
    usual: Floats = label.barrier * math.sqrt(label.horizon_bars) * found
    return usual
