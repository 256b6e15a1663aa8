"""Standing: what one speaker's chances were worth, a member's or the whole set's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.models.metrics import (
    Floats,
    Reliable,
    Truths,
    auc,
    calibration_error,
    log_losses,
    mean,
    ranks,
    reliability,
)
from ml_service.domain.statistics.blocks import estimated_together
from ml_service.domain.statistics.estimate import Estimate

LUCK_DRAWS = 200
LUCK_SHARE = 0.95

Said = Literal["better", "worse", "no evidence of change"]


@dataclass(frozen=True, slots=True)
class Score:
    """Gains are against saying, every time, the share of these rows that paid."""

    rows: int
    base_rate: float
    log_loss: Estimate
    log_loss_gain: Estimate
    brier: Estimate
    brier_gain: Estimate
    auc: Estimate | None
    """None where all rows came to the same."""
    hits: Estimate
    """The share of rows in which what was likelier came true."""


@dataclass(frozen=True, slots=True)
class Reliability:
    error: float
    by_luck: float
    """The calibration error that 19 of 20 perfectly calibrated speakers would stay below, with these chances."""
    bins: tuple[Reliable, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """The recent half of the rows against the earlier half."""

    change: Estimate
    """Of the log loss over that of the base rate of its own half: below 0 is better. A market in which more pays lowers
    the loss of everybody; that is nobody's skill."""
    log_loss_earlier: float
    log_loss_recent: float
    said: Said


@dataclass(frozen=True, slots=True)
class Standing:
    score: Score
    by_regime: Mapping[str, Score]
    reliability: Reliability
    trend: Trend | None


def standing(chances: Floats, paid: Truths, regimes: NDArray[np.str_], overlap: int, seed: int = 0) -> Standing | None:
    """Of rows in the order of time; a row without a chance is NaN. None where there is none with one."""
    told = np.isfinite(chances)
    if not told.any():
        return None
    chances, paid, regimes = chances[told], paid[told], regimes[told]
    return Standing(
        score=score(chances, paid, overlap, seed),
        by_regime={
            str(one): score(chances[regimes == one], paid[regimes == one], overlap, seed)
            for one in np.unique(regimes)
            if one
        },
        reliability=Reliability(
            calibration_error(chances, paid), error_by_luck(chances, overlap, seed), reliability(chances, paid)
        ),
        trend=trend(chances, paid, overlap, seed),
    )


def score(chances: Floats, paid: Truths, overlap: int, seed: int) -> Score:
    losses, squares, ranked = log_losses(chances, paid), (chances - paid) ** 2, ranks(chances)
    hits = ((chances >= 0.5) == paid).astype(np.float64)

    def base(often: Floats) -> float:
        return mean(paid.astype(np.float64), often)

    figures: dict[str, Callable[[Floats], float]] = {
        "log_loss": lambda often: mean(losses, often),
        "log_loss_gain": lambda often: entropy(base(often)) - mean(losses, often),
        "brier": lambda often: mean(squares, often),
        "brier_gain": lambda often: base(often) * (1.0 - base(often)) - mean(squares, often),
        "auc": lambda often: auc(ranked, paid, often),
        "hits": lambda often: mean(hits, often),
    }
    found = estimated_together(figures, over_base(losses, paid), overlap, seed)
    found |= {name: found[name].within(0.0, 1.0) for name in ("brier", "auc", "hits")}
    area = found.pop("auc")
    return Score(rows=paid.size, base_rate=float(paid.mean()), auc=area if area.value == area.value else None, **found)


def over_base(losses: Floats, paid: Truths) -> Floats:
    """Of each row, by how much the loss is above that of the share that paid."""
    found: Floats = losses - log_losses(np.full(paid.size, paid.mean()), paid)
    return found


def entropy(share: float) -> float:
    """The log loss of saying the share itself."""
    return sum(-part * float(np.log(part)) for part in (share, 1.0 - share) if part > 0.0)


def error_by_luck(chances: Floats, overlap: int, seed: int) -> float:
    """Rows that overlap share their luck."""
    random = np.random.default_rng(seed)
    pieces = -(-chances.size // overlap)
    errors = []
    for _ in range(LUCK_DRAWS):
        luck = np.repeat(random.random(pieces), overlap)[: chances.size]
        errors.append(calibration_error(chances, luck < chances))
    return float(np.quantile(errors, LUCK_SHARE))


def trend(chances: Floats, paid: Truths, overlap: int, seed: int) -> Trend | None:
    """None of fewer than two rows."""
    if paid.size < 2:
        return None
    losses = log_losses(chances, paid)
    recent = (np.arange(paid.size) >= paid.size // 2).astype(np.float64)
    earlier = 1.0 - recent
    truth = paid.astype(np.float64)

    def excess(often: Floats) -> float:
        return mean(losses, often) - entropy(mean(truth, often))

    change = estimated_together(
        {"": lambda often: excess(often * recent) - excess(often * earlier)}, over_base(losses, paid), overlap, seed
    )[""]
    return Trend(change, mean(losses, earlier), mean(losses, recent), said_of(change))


def said_of(change: Estimate) -> Said:
    if change.low is None or change.high is None or change.low <= 0.0 <= change.high:
        return "no evidence of change"
    return "better" if change.high < 0.0 else "worse"
