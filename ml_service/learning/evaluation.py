"""Evaluation: what members and set were worth on rows they had not seen, with intervals, against the base rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Floats
from ml_service.domain.market.settlement import Side
from ml_service.domain.models.conformal import Kept, kept
from ml_service.domain.models.fitting import on_base
from ml_service.domain.models.metrics import (
    Confusion,
    Reliable,
    auc,
    brier,
    calibration_error,
    confusion,
    divided,
    log_losses,
    mean,
    ranks,
    reliability,
)
from ml_service.domain.models.report.standing import error_by_luck
from ml_service.domain.statistics.blocks import estimated, estimated_together
from ml_service.domain.statistics.estimate import Estimate
from ml_service.errors import Untrainable
from ml_service.learning.equity import Equity, equities
from ml_service.learning.walk import Stretch, Walk

THRESHOLDS = 19
"""So many chances are looked at as thresholds, at equal counts of rows."""

LIKELY = 0.5
"""From this chance on, an outcome is told to come true."""

ROUNDING = 1e-9
"""Nats a row: what is left by rounding where a chance is the base rate."""

Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Worth:
    """Of chances, against saying the base rate every time."""

    rows: int
    base_rate: float
    """Of these rows; what is compared with is the rate known before them."""
    log_loss: float
    gain: Estimate
    """By how much the log loss of a row is below that of the base rate, in nats."""
    auc: Estimate
    f1: Estimate
    precision: Estimate
    recall: Estimate
    """All three with the more likely outcome told."""

    @property
    def has_skill(self) -> bool:
        return is_more_than_rounding(self.gain)


@dataclass(frozen=True, slots=True)
class SideWorth:
    """Of the set's calibrated chance that a purchase, or a sale, pays after costs."""

    side: Side
    worth: Worth
    brier: float
    base_brier: float
    calibration_error: float
    calibration_error_by_luck: float
    """What 19 of 20 perfectly calibrated speakers would stay below, with these chances."""
    reliability: tuple[Reliable, ...]
    answers: Kept
    thresholds: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True)
class FoldWorth:
    from_ms: int
    until_ms: int
    rows: int
    gain: float
    """Of both sides' chances, in nats a row."""
    auc: float
    """Of rising against falling."""
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    members: dict[str, Worth]
    """Of rising against falling, among the rows that moved by more than the costs …"""
    together: Worth
    """… and of all members together."""
    sides: tuple[SideWorth, ...]
    gain: Estimate
    """Of both sides together: whether there is skill is decided by it alone."""
    folds: tuple[FoldWorth, ...]
    equities: tuple[Equity, ...]

    @property
    def has_skill(self) -> bool:
        return is_more_than_rounding(self.gain)

    @property
    def verdict(self) -> str:
        if self.gain.low is None or self.gain.high is None:
            return "No evidence of skill: too few rows to tell an interval from."
        interval = f"{self.gain.low:+.4f} to {self.gain.high:+.4f} nats a row against the base rate"
        if self.has_skill:
            return f"Skill: the calibrated chances gained {self.gain.value:+.4f} ({interval})."
        return f"No evidence of skill: {self.gain.value:+.4f} ({interval})."


def is_more_than_rounding(gain: Estimate) -> bool:
    return gain.low is not None and gain.low > ROUNDING


def evaluated(walk: Walk, models: Sequence[str], seed: int) -> Evaluation:
    stretches = walk.stretches
    overlap = stretches[0].rows.overlap
    rose = joined(stretches, lambda one: one.rows.rose.astype(np.float64))
    movers, truth = rose >= 0.0, rose[rose >= 0.0] == 1.0
    members = {name: member_worth(stretches, number, movers, truth, seed) for number, name in enumerate(models)}
    base = repeated(stretches, lambda one: float(np.mean(one.bases)))
    pooled = joined(stretches, lambda one: on_base(one.combined, float(np.mean(one.bases))))
    sides = tuple(side_worth(stretches, side, overlap, seed) for side in ("BUY", "SELL"))
    gains = joined(stretches, side_gains)
    return Evaluation(
        members=members,
        together=worth(pooled[movers], base[movers], truth, overlap, seed),
        sides=sides,
        gain=mean_of(gains, overlap, seed),
        folds=tuple(fold_worth(one) for one in stretches),
        equities=equities(stretches),
    )


def member_worth(stretches: Sequence[Stretch], number: int, movers: Truths, truth: Truths, seed: int) -> Worth:
    """Against the base rate that it knew."""
    chances = joined(stretches, lambda one: on_base(one.figures[number], one.bases[number]))
    base = repeated(stretches, lambda one: one.bases[number])
    return worth(chances[movers], base[movers], truth, stretches[0].rows.overlap, seed)


def worth(chances: Floats, base: Floats, truth: Truths, overlap: int, seed: int) -> Worth:
    losses = log_losses(chances, truth)
    gains = log_losses(base, truth) - losses
    ranked = ranks(chances)
    told = (chances >= LIKELY).astype(np.float64)
    came = truth.astype(np.float64)
    both = told * came
    found = estimated_together(
        {
            "gain": lambda often: mean(gains, often),
            "auc": lambda often: auc(ranked, truth, often),
            "f1": lambda often: divided(2.0 * float(both @ often), float(told @ often + came @ often)),
            "precision": lambda often: divided(float(both @ often), float(told @ often)),
            "recall": lambda often: divided(float(both @ often), float(came @ often)),
        },
        gains,
        overlap,
        seed,
    )
    gain = found.pop("gain")
    shares = {name: one.within(0.0, 1.0) for name, one in found.items()}
    return Worth(rows=truth.size, base_rate=float(truth.mean()), log_loss=float(losses.mean()), gain=gain, **shares)


def mean_of(values: Floats, overlap: int, seed: int) -> Estimate:
    told = values[np.isfinite(values)]
    return estimated(lambda often: mean(told, often), told, overlap, seed)


def side_worth(stretches: Sequence[Stretch], side: Side, overlap: int, seed: int) -> SideWorth:
    returns = joined(stretches, lambda one: returns_of(one, side))
    known = np.isfinite(returns)
    if not known.any():
        raise Untrainable(f"expected the result of at least one {side} among the tested rows, found none")
    truth = returns[known] > 0.0
    chances = joined(stretches, lambda one: one.chances(side))[known]
    base = repeated(stretches, lambda one: one.rule(side).base_rate)[known]
    least = repeated(stretches, lambda one: one.rule(side).answer.least)[known]
    return SideWorth(
        side=side,
        worth=worth(chances, base, truth, overlap, seed),
        brier=brier(chances, truth),
        base_brier=brier(base, truth),
        calibration_error=calibration_error(chances, truth),
        calibration_error_by_luck=error_by_luck(chances, overlap, seed),
        reliability=reliability(chances, truth),
        answers=kept(least, chances, truth),
        thresholds=tuple(confusion(chances, truth, float(at)) for at in thresholds(chances)),
    )


def thresholds(chances: Floats) -> Floats:
    shares = np.linspace(0.0, 1.0, THRESHOLDS + 2)[1:-1]
    return np.unique(np.quantile(chances, shares))


def side_gains(stretch: Stretch) -> Floats:
    """Of each row, the mean over the sides whose result is known."""
    gains = np.stack([gains_on(stretch, side) for side in ("BUY", "SELL")])
    told = np.isfinite(gains)
    with np.errstate(invalid="ignore"):
        found: Floats = np.where(told, gains, 0.0).sum(axis=0) / told.sum(axis=0)
    return found


def gains_on(stretch: Stretch, side: Side) -> Floats:
    returns = returns_of(stretch, side)
    truth = returns > 0.0
    base = np.full(truth.size, stretch.rule(side).base_rate)
    gains = log_losses(base, truth) - log_losses(stretch.chances(side), truth)
    return np.where(np.isfinite(returns), gains, np.nan)


def returns_of(stretch: Stretch, side: Side) -> Floats:
    return stretch.rows.bought if side == "BUY" else stretch.rows.sold


def fold_worth(stretch: Stretch) -> FoldWorth:
    rows = stretch.rows
    rose = rows.rose
    movers = rose >= 0
    known = np.isfinite(rows.bought)
    truth = rows.bought[known] > 0.0
    opened = rows.opened_at_ms[rows.places]
    return FoldWorth(
        from_ms=int(opened[0]),
        until_ms=int(opened[-1]),
        rows=len(rows),
        gain=float(np.nanmean(side_gains(stretch))),
        auc=auc(ranks(stretch.combined[movers]), rose[movers] == 1, np.ones(int(movers.sum())))
        if movers.any()
        else float("nan"),
        calibration_error=calibration_error(stretch.chances("BUY")[known], truth) if known.any() else float("nan"),
    )


def joined(stretches: Sequence[Stretch], column: Callable[[Stretch], Floats]) -> Floats:
    return np.concatenate([column(one) for one in stretches])


def repeated(stretches: Sequence[Stretch], figure: Callable[[Stretch], float]) -> Floats:
    """One figure for all rows of a fold."""
    return joined(stretches, lambda one: np.full(len(one.rows), figure(one)))
