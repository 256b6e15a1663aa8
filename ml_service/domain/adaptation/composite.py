"""The composite score as a guide: each threshold goes where the window would have scored higher.

The documents' way, for those who want it. Their formula pushed all thresholds by one number and, with its own
defaults, by less than its own minimum; here each has a direction of its own, and a step that can be taken. It remains
a guide that listens to one window: on made-up markets it gains where there is something to gain, and costs thresholds
that were right about a fifth of their profit, where the anchored learner costs them next to nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_service.domain.adaptation.anchored import R_CLIP, UNDATED
from ml_service.domain.adaptation.arriving import column_of, day_of, days_of, flags_of, signals_of
from ml_service.domain.adaptation.choosing import Choice, choice_of
from ml_service.domain.adaptation.evidence import Evidence, Flags, evidence, mean_by_day, no_evidence
from ml_service.domain.adaptation.explanation import Explanation, Held, Moved, Verdict
from ml_service.domain.adaptation.library import Learnable, Vector, passes, scale_of
from ml_service.domain.adaptation.policy import AdaptationPolicy
from ml_service.domain.adaptation.presets import Options
from ml_service.domain.adaptation.probing import probed, scored
from ml_service.domain.adaptation.standing import Standing, standing_of, window
from ml_service.domain.adaptation.telling import Step, gain, outcome_of, plain, window_of

POOR = 0.4
"""A window that scores less is poor; one that neither gains nor loses scores about 0.55."""
DAYS_MAX = 365
HAIRCUT = Options().haircut


@dataclass(frozen=True, slots=True)
class CompositeMemory:
    live: Vector
    evidence: Evidence
    """The window: the last trades, and what was rejected since the first of them."""
    day: int | None = None
    new_outcomes: int = 0
    cooling_until: int | None = None
    has_cooled: bool = False
    """A cooldown is over and nothing has changed since: poor performance is no reason to wait once more."""

    def rebased(self, today: int) -> "CompositeMemory":
        """The same memory on a clock that was set back."""
        if self.day is None or self.day <= today + 1:
            return self
        back = self.day - today
        return replace(
            self,
            day=today,
            cooling_until=None if self.cooling_until is None else self.cooling_until - back,
            evidence=self.evidence.earlier(back),
        )


def composite(parameters: Sequence[Learnable], policy: AdaptationPolicy | None = None) -> "Composite":
    return Composite(parameters, policy or AdaptationPolicy())


class Composite:
    """Driven like `Anchored`; it neither explores nor knows regimes or other symbols."""

    def __init__(
        self,
        parameters: Sequence[Learnable],
        policy: AdaptationPolicy,
        haircut: float = HAIRCUT,
        memory: CompositeMemory | None = None,
    ) -> None:
        self.scale = scale_of(parameters)
        self.policy = policy
        self.haircut = haircut
        self._seen: list[tuple[Vector, Vector, Flags, Vector, NDArray[np.int64]]] = []
        self.memory = memory or CompositeMemory(self.scale.anchor.copy(), no_evidence(len(self.scale.names)))

    def thresholds(self) -> dict[str, float]:
        values = self.scale.values(self.memory.live)
        return {name: float(value) for name, value in zip(self.scale.names, values, strict=True)}

    def stand_on(self, values: Mapping[str, float]) -> None:
        """The thresholds were changed by others; from here on, these are the ones that move."""
        if self.thresholds() != dict(values):
            self.memory = replace(self.memory, live=self.scale.vector(values))

    def decide(self, values: ArrayLike) -> tuple[Flags, Vector]:
        units = self.scale.units(signals_of(values, self.scale.names))
        return passes(self.memory.live[None, :], units)[0], np.ones(len(units))

    def observe(
        self,
        values: ArrayLike,
        accepted: ArrayLike,
        propensity: ArrayLike,
        results: ArrayLike,
        *,
        weight: ArrayLike = 1.0,
        regime: ArrayLike | None = None,
        days: ArrayLike | None = None,
    ) -> None:
        """Results in R, NaN where none is known. A weight of -1 takes back what was observed before with the very same
        numbers."""
        signals = signals_of(values, self.scale.names)
        found = column_of("y", results, len(signals))
        taken = flags_of("accepted", accepted, len(signals))
        column_of("propensity", propensity, len(signals))
        weights = column_of("weight", weight, len(signals))
        known = np.isfinite(found) & np.isfinite(weights)
        net = np.clip(found - np.where(taken, 0.0, self.haircut), -R_CLIP, R_CLIP)
        dated = np.full(len(signals), UNDATED) if days is None else days_of(days, len(signals))
        if known.any():
            self._seen.append(
                (self.scale.units(signals[known]), net[known], taken[known], weights[known], dated[known])
            )

    def settle(self, day: int) -> None:
        memory, day = self.memory, day_of(day)
        assert memory.day is None or day > memory.day
        if not self._seen:
            return
        units, net, taken, weights, days = map(np.concatenate, zip(*self._seen, strict=True))
        self._seen = []
        dated = np.where(days == UNDATED, day, days)
        order = np.argsort(dated, kind="stable")
        fresh = evidence(units, net, taken, dated).only(order)
        renewed = memory.evidence.renewed(fresh, weights[order])
        self.memory = replace(
            memory,
            evidence=window(renewed.after(day - DAYS_MAX), self.policy.performance_window),
            day=day,
            new_outcomes=memory.new_outcomes + len(fresh),
        )

    def adapt(
        self, day: int, *, regime: int | None = None, tilt: Vector | None = None, frozen: str | None = None
    ) -> Explanation | None:
        """Settle the day and move; None, and nothing changed, without new evidence or on a day that was settled."""
        day = day_of(day)
        if self.memory.day is not None and day <= self.memory.day and self._seen:
            return None
        if not self._seen and not self.memory.new_outcomes:
            return None
        if self._seen:
            self.settle(day)
        assert self.memory.day is not None
        return self._move(max(day, self.memory.day), frozen)

    def _move(self, day: int, frozen: str | None) -> Explanation:
        outcomes = self.memory.new_outcomes
        self.memory = replace(self.memory, new_outcomes=0)
        standing = standing_of(self.memory.evidence, self.policy)
        if frozen is not None:
            return self._held("held", frozen, day, outcomes)
        if standing.missing is not None:
            return self._held("insufficient", standing.missing, day, outcomes)
        if self._is_cooling(day):
            assert self.memory.cooling_until is not None
            days = self.memory.cooling_until - day
            reason = f"cooling down after poor performance for another {days} {'day' if days == 1 else 'days'}"
            return self._held("held", reason, day, outcomes)
        assert standing.score is not None
        if standing.score < POOR and not self.memory.has_cooled and self.policy.cooldown_hours > 0.0:
            until = day + math.ceil(self.policy.cooldown_hours / 24.0)
            self.memory = replace(self.memory, cooling_until=until, has_cooled=True)
            reason = f"poor performance: {standing.told}, less than {POOR:g}; cooling down for"
            return self._held("held", f"{reason} {self.policy.cooldown_hours:g} hours", day, outcomes)
        return self._guided(standing, day, outcomes)

    def _is_cooling(self, day: int) -> bool:
        return self.memory.cooling_until is not None and day < self.memory.cooling_until

    def _guided(self, standing: Standing, day: int, outcomes: int) -> Explanation:
        live, window_of_trades = self.memory.live, self.memory.evidence
        probes = probed(live, self.scale, window_of_trades, scored(window_of_trades, self.policy.score_weights))
        choices = [
            choice_of(index, live, probes, standing.trend, self.scale, self.policy) for index in range(len(live))
        ]
        after = self.scale.clipped(live + np.array([choice.step for choice in choices]))
        moved = bool(np.any(after != live))
        is_still_poor = standing.score is not None and standing.score < POOR
        has_cooled = self.memory.has_cooled and is_still_poor and not moved
        self.memory = replace(self.memory, live=after, has_cooled=has_cooled)
        step = Step("moved" if moved else "held", standing.told, live, after)
        explanation = self._told(step.verdict, standing.told, day, outcomes)
        return replace(
            explanation,
            gain_per_day=gain(step, window_of_trades),
            moved=tuple(self._spoken(index, step, choices[index]) for index in np.flatnonzero(after != live).tolist()),
            held=tuple(
                Held(self.scale.names[index], self._value(live, index), None, choices[index].why)
                for index in np.flatnonzero(after == live).tolist()
            ),
        )

    def _value(self, units: Vector, index: int) -> float:
        return float(self.scale.values(units)[index])

    def _held(self, verdict: Verdict, reason: str, day: int, outcomes: int) -> Explanation:
        values = self.thresholds()
        held = tuple(Held(name, value, None, reason) for name, value in values.items())
        return replace(self._told(verdict, reason, day, outcomes), held=held)

    def _told(self, verdict: Verdict, reason: str, day: int, outcomes: int) -> Explanation:
        return Explanation(
            algorithm="composite",
            preset="default",
            verdict=verdict,
            reason=reason,
            day=day,
            new_outcomes=outcomes,
            window=window_of(self.memory.evidence),
            anchor_weight=None,
            design_effect=None,
            effective_count=None,
            gain_per_day=None,
        )

    def _spoken(self, index: int, step: Step, choice: Choice) -> Moved:
        assert choice.bound is not None
        assert choice.probe is not None
        target = step.before.copy()
        target[index] = choice.probe.end
        rows = self.memory.evidence.on_the_way(step.before, index, choice.probe.end)
        flipped = self.memory.evidence.on_the_way(step.before, index, float(step.after[index]))
        move = Moved(
            parameter=self.scale.names[index],
            before=self._value(step.before, index),
            after=self._value(step.after, index),
            target=self._value(target, index),
            bounded_by=choice.bound,
            flipped=len(flipped),
            on_the_way=mean_by_day(rows.results, rows.days),
            counterfactual_share=float(1.0 - rows.accepted.mean()) if len(rows) else None,
            sentence="",
            flipped_result=mean_by_day(flipped.results, flipped.days),
        )
        way = "tighter" if step.after[index] > step.before[index] else "looser"
        lead = f"With {plain(move.parameter)} at {move.target:.4g} the window would have {choice.why}"
        seen = f" ({outcome_of(move)})" if move.on_the_way else ""
        return replace(
            move, sentence=f"{lead}{seen}: the limit becomes {way}, from {move.before:.4g} to {move.after:.4g}."
        )
