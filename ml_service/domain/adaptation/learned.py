"""What one scope has learned, as it is kept: the parameters as they were when it began, and the learner's memory."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ml_service.domain.adaptation.algorithm import Algorithm
from ml_service.domain.adaptation.anchored import Anchored, Memory, tilted
from ml_service.domain.adaptation.apart import regrouped
from ml_service.domain.adaptation.composite import Composite, CompositeMemory
from ml_service.domain.adaptation.library import Matrix, Vector, prior
from ml_service.domain.adaptation.policy import AdaptationPolicy
from ml_service.domain.adaptation.presets import PRESETS, Options
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import GatePolicy

IQR_PER_SPREAD = 1.35
"""The interquartile range of normal values is that many standard deviations."""
VALUES_MIN = 20
SPREAD_SHARES = (0.01, 0.5)
"""A spread is at least and at most that share of the room between the bounds."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A gate parameter as a learner began with it: its default is where the library was laid."""

    name: str
    sense: int
    default: float
    low: float
    high: float
    spread: float
    scale: Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class Learned:
    anchors: tuple[Anchor, ...]
    preset: str
    memory: Memory | CompositeMemory
    regimes: tuple[str, ...] = ()
    """Those that have weights of their own, in the order of the rows; empty where none are kept apart."""

    @property
    def algorithm(self) -> str:
        return "anchored" if isinstance(self.memory, Memory) else "composite"

    def rebased(self, today: int) -> "Learned":
        memory = self.memory.rebased(today)
        return self if memory is self.memory else replace(self, memory=memory)

    def told_apart(self, regimes: tuple[str, ...]) -> "Learned":
        """The same memory with these regimes kept apart: each goes on with what it learned, and one that is new with
        what all have learned together, to which the weights return when none are kept apart any more."""
        if self.regimes == regimes or not isinstance(self.memory, Memory):
            return self
        weights, mix = regrouped(self.memory.weights, self.memory.mix, self.regimes, regimes)
        return replace(self, memory=replace(self.memory, weights=weights, mix=mix), regimes=regimes)

    def fits(self, gate: GatePolicy, rules: AdaptationPolicy) -> bool:
        """Whether it may go on; when the algorithm, the preset, the bounds or the shelf have changed it begins anew."""
        bounds = [(name, limits.low, limits.high) for name, limits in gate.items()]
        return (
            self.algorithm == rules.algorithm
            and self.preset == rules.preset
            and bounds == [(anchor.name, anchor.low, anchor.high) for anchor in self.anchors]
        )

    def tilt(self) -> Vector | None:
        """What it has to say to other learners of the same user."""
        if not isinstance(self.memory, Memory):
            return None
        preset = PRESETS[self.preset]
        return tilted(self.memory.weights, prior(preset.anchor_share, preset.stand_aside))


def anchors_of(policy: GatePolicy, anchor: Mapping[str, float], values: Matrix) -> tuple[Anchor, ...]:
    """How a learner begins: its library around the anchor, its spreads from the values that signals carried."""
    return tuple(
        Anchor(
            name=name,
            sense=PARAMETERS[name].sense,
            default=min(max(anchor[name], limits.low), limits.high),
            low=limits.low,
            high=limits.high,
            spread=spread_of(name, values[:, index], limits.low, limits.high),
            scale=PARAMETERS[name].scale,
        )
        for index, (name, limits) in enumerate(policy.items())
    )


def learner_of(
    user_id: str, anchors: tuple[Anchor, ...], rules: AdaptationPolicy, options: Options, learned: Learned | None
) -> Algorithm:
    """The learner as its memory left it, or a new one."""
    memory = learned.memory if learned is not None else None
    if rules.algorithm == "composite":
        assert memory is None or isinstance(memory, CompositeMemory)
        return Composite(anchors, rules, options.haircut, memory)
    assert memory is None or isinstance(memory, Memory)
    return Anchored(anchors, seed_of(user_id), rules.preset, options, memory)


def seed_of(user_id: str) -> int:
    """One seed for all of a user's learners, so that what one has learned means the same to the others."""
    return int.from_bytes(hashlib.sha256(user_id.encode()).digest()[:4], "big")


def spread_of(name: str, values: Vector, low: float, high: float) -> float:
    parameter = PARAMETERS[name]
    measured = float(parameter.spread)
    if low == high:
        return measured
    known = values[~np.isnan(values)]
    if parameter.scale == "log":
        known = np.log(np.maximum(known, np.finfo(float).tiny))
        low, high = math.log(low), math.log(high)
    if len(known) >= VALUES_MIN:
        ordered = np.sort(known)
        measured = (quantile(ordered, 0.75) - quantile(ordered, 0.25)) / IQR_PER_SPREAD
    room = high - low
    return min(max(measured, SPREAD_SHARES[0] * room), SPREAD_SHARES[1] * room)


def quantile(ordered: Vector, share: float) -> float:
    """To the last digit what numpy's own says, which takes fifty times as long for so few values."""
    place = share * (len(ordered) - 1)
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    way = place - below
    return low + (high - low) * way if way < 0.5 else high - (high - low) * (1.0 - way)
