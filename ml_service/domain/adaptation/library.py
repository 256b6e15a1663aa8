"""The library: whole threshold vectors that compete for weight, one row each, the anchor first.

All of it is in units of the learner: `sign · value / spread`, so that a larger number is always tighter.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SIZE = 400
STAND_ASIDE = 10
STAND_ASIDE_SHARE = 0.2
STAND_ASIDE_SPREADS = (0.4, 4.0)
"""How much tighter on everything the mildest and the strictest of them are."""
KEPT_DEFAULT = 0.3
"""Probability with which a parameter of a drawn vector keeps its default."""
DRAWN_SPREADS = 1.2
REPLACED = SIZE // 8
JITTERED = 0.4
JITTER_SPREADS = 0.35


class Learnable(Protocol):
    """A parameter as the learner sees it: `sense` is +1 where a value must reach the threshold, -1 where it must
    not exceed it; `spread` is the usual spread of the values it judges."""

    @property
    def name(self) -> str: ...
    @property
    def sense(self) -> int: ...
    @property
    def default(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def spread(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to the learner's units and back."""

    names: tuple[str, ...]
    logarithmic: NDArray[np.bool_]
    factor: Vector
    defaults: Vector
    bounds: Matrix
    anchor: Vector
    low: Vector
    high: Vector

    @np.errstate(over="ignore")  # beyond the range of a number is beyond every threshold
    def units(self, values: Matrix) -> Matrix:
        return self.measured(values) * self.factor

    def measured(self, values: Matrix) -> Matrix:
        if not self.logarithmic.any():
            return values
        positive = np.maximum(values, np.finfo(float).tiny)
        return np.where(self.logarithmic, np.log(positive), values)

    def values(self, units: Vector) -> Vector:
        plain = units / self.factor
        plain[self.logarithmic] = np.exp(plain[self.logarithmic])
        # There and back costs a last digit; what stands on the anchor must be the default itself.
        exact: Vector = np.where(units == self.anchor, self.defaults, np.clip(plain, self.bounds[0], self.bounds[1]))
        return exact

    def vector(self, values: Mapping[str, float]) -> Vector:
        """Whole thresholds in the learner's units, inside their bounds."""
        found: Vector = self.clipped(self.units(np.array([[values[name] for name in self.names]])))[0]
        return found

    def clipped(self, units: Matrix) -> Matrix:
        return np.clip(units, self.low, self.high)


def scale_of(parameters: Sequence[Learnable]) -> Scale:
    if not parameters:
        raise ValueError("parameters: expected at least one, found none")
    for parameter in parameters:
        check(parameter)
    names = tuple(parameter.name for parameter in parameters)
    if len(set(names)) < len(names):
        raise ValueError(f"parameters: expected each name once, found {', '.join(names)}")
    logarithmic = np.array([getattr(parameter, "scale", "linear") == "log" for parameter in parameters])
    factor = np.array([parameter.sense / parameter.spread for parameter in parameters])
    defaults = np.array([parameter.default for parameter in parameters])
    bounds = np.array([[parameter.low, parameter.high] for parameter in parameters]).T
    plain = Scale(names, logarithmic, factor, defaults, bounds, defaults, bounds[0], bounds[1])
    ends = plain.units(bounds)
    if not np.isfinite(ends).all():
        far = names[int(np.flatnonzero(~np.isfinite(ends).all(axis=0))[0])]
        raise ValueError(f"{far}: expected a spread that its bounds can be measured in, found one that is too small")
    return replace(plain, anchor=plain.units(defaults), low=ends.min(axis=0), high=ends.max(axis=0))


def check(parameter: Learnable) -> None:
    if parameter.sense not in (1, -1):
        raise ValueError(f"{parameter.name}: expected a sense of +1 or -1, found {parameter.sense}")
    if not (math.isfinite(parameter.spread) and parameter.spread > 0.0):
        raise ValueError(f"{parameter.name}: expected a spread above 0, found {parameter.spread}")
    if not (math.isfinite(parameter.low) and math.isfinite(parameter.high)):
        raise ValueError(f"{parameter.name}: expected finite bounds, found {parameter.low} and {parameter.high}")
    if getattr(parameter, "scale", "linear") == "log" and not parameter.low > 0.0:
        raise ValueError(f"{parameter.name}: expected a low above 0 on a logarithmic scale, found {parameter.low}")
    if not parameter.low <= parameter.default <= parameter.high:
        raise ValueError(
            f"{parameter.name}: expected a default within {parameter.low} to {parameter.high},"
            f" found {parameter.default}"
        )


def drawn(scale: Scale, seed: int, stand_aside: int) -> Matrix:
    """The anchor, those that stand aside, and the rest around the anchor."""
    return scale.clipped(scale.anchor + distances(seed, scale.anchor.size, stand_aside))


@lru_cache(maxsize=64)
def distances(seed: int, parameters: int, stand_aside: int) -> Matrix:
    """The same for all symbols of a user, which are adapted one after the other."""
    random = np.random.default_rng([seed, 0])
    shape = (SIZE, parameters)
    away = random.normal(0.0, DRAWN_SPREADS, shape) * (random.random(shape) >= KEPT_DEFAULT)
    away[0] = 0.0
    if stand_aside:
        away[1 : stand_aside + 1] = np.geomspace(*STAND_ASIDE_SPREADS, stand_aside)[:, None]
    away.flags.writeable = False
    return away


def prior(anchor_share: float, stand_aside: int) -> Vector:
    """Before any evidence: most of the weight on the anchor, some of the rest on standing aside."""
    rest = 1.0 - anchor_share
    aside = STAND_ASIDE_SHARE * rest if stand_aside else 0.0
    weights = np.full(SIZE, (rest - aside) / (SIZE - 1 - stand_aside))
    weights[0] = anchor_share
    if stand_aside:
        weights[1 : stand_aside + 1] = aside / stand_aside
    return weights


def passes(vectors: Matrix, units: Matrix) -> NDArray[np.bool_]:
    """One row per vector, one column per signal; what a signal does not carry stops nobody."""
    carried = np.where(np.isnan(units), np.inf, units)
    limits = vectors.T.copy()
    # Worked out the other way round: there are many vectors, and of signals often few.
    passed: NDArray[np.bool_] = carried[:, 0, None] >= limits[0]
    for parameter in range(1, len(limits)):
        passed &= carried[:, parameter, None] >= limits[parameter]
    return passed.T


@dataclass(frozen=True, slots=True)
class Litter:
    """What chance has to say of one generation."""

    parents: Vector
    """Where in the sum of all weights each parent is found."""
    jitter: Matrix


@lru_cache(maxsize=64)
def litter(seed: int, generation: int, parameters: int) -> Litter:
    """The same for all symbols of a user, as the library is."""
    random = np.random.default_rng([seed, 1, generation])
    shape = (REPLACED, parameters)
    parents = random.random(REPLACED)
    jitter = random.normal(0.0, JITTER_SPREADS, shape) * (random.random(shape) < JITTERED)
    parents.flags.writeable = jitter.flags.writeable = False
    return Litter(parents, jitter)


def heirs(weights: Vector, drawn: Vector) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The lightest of the second half, and for each the parent that it becomes a copy of."""
    half = SIZE // 2
    lightest = half + np.argsort(weights[half:], kind="stable")[:REPLACED]
    eligible = weights.copy()
    eligible[lightest] = 0.0
    reached = np.cumsum(eligible / eligible.sum())
    return lightest, np.searchsorted(reached / reached[-1], drawn, side="right")


def weighted_median(columns: Matrix, weights: Vector) -> Vector:
    """Per column, the value at which half of the weight lies on either side."""
    order = np.argsort(columns, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0) >= 0.5 * weights.sum()
    first = np.argmax(reached, axis=0)
    each = np.arange(columns.shape[1])
    found: Vector = columns[order[first, each], each]
    return found
