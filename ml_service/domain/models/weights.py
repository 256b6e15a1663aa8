"""Weights: how much say each member of a set has, from priors by regime, moved by what its figures proved worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.models.slots import EVERY
from ml_service.domain.statistics.blocks import Floats, standard_error

PRIORS: Mapping[str, Mapping[str, float]] = {
    "trending": {"logistic": 0.20, "forest": 0.25, "lstm": 0.35, "xgboost": 0.20},
    "sideways": {"logistic": 0.30, "forest": 0.20, "lstm": 0.20, "xgboost": 0.30},
    "volatile": {"logistic": 0.25, "forest": 0.30, "lstm": 0.30, "xgboost": 0.15},
    "consolidation": {"logistic": 0.30, "forest": 0.20, "lstm": 0.20, "xgboost": 0.30},
}
"""Only where everybody begins; a member that is not named has the mean of the others."""

STEP_MAX = 0.20
"""Of a weight, in one step."""
SURE_ERRORS = 2.0
"""A member that beats the others by so many standard errors moves by the whole step; by less, in proportion: luck is no
skill."""
FLOOR = 0.1
ROWS_MIN = 200
"""Of a regime; with fewer, all rows speak for it."""

Source = Literal["prior", "moved", "moved_by_all_rows", "held"]


@dataclass(frozen=True, slots=True)
class Skill:
    """By how much less a member's figures cost, in log loss a row, than the mean of all members' did."""

    gain: float
    error: float
    """Of that, the standard error, overlapping labels taken into account."""
    rows: int


@dataclass(frozen=True, slots=True)
class Weighing:
    """The weights in one regime, in the order of the members, and where they come from."""

    weights: tuple[float, ...]
    source: Source = "prior"
    steps: int = 0
    rows: int = 0
    """All that moved them."""


def priors(models: Sequence[str]) -> dict[str, Weighing]:
    """By regime, and under `*` the mean over them."""
    assert models
    by_regime = {regime: prior_in(PRIORS[regime], models) for regime in REGIMES}
    mean = np.mean(list(by_regime.values()), axis=0)
    return {
        **{regime: Weighing(weights) for regime, weights in by_regime.items()},
        EVERY: Weighing(tuple(map(float, mean))),
    }


def prior_in(known: Mapping[str, float], models: Sequence[str]) -> tuple[float, ...]:
    usual = sum(known.values()) / len(known)
    return normalised([known.get(name, usual) for name in models])


def moved(before: Weighing, skills: Sequence[Skill | None], source: Source = "moved") -> Weighing:
    """One step; a member whose skill is not known keeps its weight, but for what the others gave up or took."""
    assert len(skills) == len(before.weights)
    rows = max((skill.rows for skill in skills if skill is not None), default=0)
    if not rows:
        return Weighing(before.weights, "held" if before.steps else before.source, before.steps, before.rows)
    factors = [factor(skill) for skill in skills]
    wished = [weight * by for weight, by in zip(before.weights, factors, strict=True)]
    return Weighing(floored(wished), source, before.steps + 1, before.rows + rows)


def factor(skill: Skill | None) -> float:
    if skill is None or not skill.error > 0.0:
        return 1.0
    sure = skill.gain / (SURE_ERRORS * skill.error)
    return 1.0 + STEP_MAX * min(max(sure, -1.0), 1.0)


def floored(weights: Sequence[float]) -> tuple[float, ...]:
    """The floor first, then normalised, so nobody is silenced for good: who is not heard cannot prove better."""
    floor = min(FLOOR, 0.5 / len(weights))
    whole = sum(weights)
    return normalised([max(weight / whole, floor) for weight in weights])


def normalised(weights: Sequence[float]) -> tuple[float, ...]:
    whole = sum(weights)
    assert whole > 0.0
    return tuple(weight / whole for weight in weights)


def skills(losses: Floats, overlap: int) -> list[Skill | None]:
    """`losses` is [member, row]; a row that a member said nothing of proves nothing about the others either."""
    if losses.shape[1] < ROWS_MIN:
        return [None] * len(losses)
    usual = losses.mean(axis=0)
    return [skill_of(usual - one, overlap) for one in losses]


def skill_of(gains: Floats, overlap: int) -> Skill | None:
    told = gains[np.isfinite(gains)]
    if told.size < ROWS_MIN:
        return None
    error = standard_error(told, overlap)
    return Skill(float(told.mean()), error, told.size) if np.isfinite(error) else None
