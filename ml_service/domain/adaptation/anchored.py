"""Anchored exponentiated gradient: a library of threshold vectors competes, the default holds most of the weight.

Mirror descent in the sense of Kivinen and Warmuth (1997), with three guards that the noise of single trades makes
necessary: a prior that weight is drawn back to, evidence discounted for outcomes that overlap in time, and thresholds
that follow the weighted median of the library by small steps.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_service.domain.adaptation.apart import first_alone, mixed_after, rows_of
from ml_service.domain.adaptation.arriving import (
    DAY_MAX,
    column_of,
    day_of,
    days_of,
    flags_of,
    row_of,
    rows_for,
    signals_of,
)
from ml_service.domain.adaptation.evidence import PERIODS_MAX, Evidence, Flags, evidence, no_evidence
from ml_service.domain.adaptation.explanation import Bound, Explanation
from ml_service.domain.adaptation.library import (
    SIZE,
    Learnable,
    Matrix,
    Vector,
    drawn,
    heirs,
    litter,
    passes,
    prior,
    scale_of,
    weighted_median,
)
from ml_service.domain.adaptation.presets import PRESETS, Options, Preset
from ml_service.domain.adaptation.telling import Step, told
from ml_service.domain.adaptation.tide import Tide
from ml_service.domain.adaptation.utility import worth_of

R_CLIP = 4.0
PROPENSITY_MIN = 0.1
FORGET = 0.97
FIRST_MOMENTS = 2.0
DRAWN_BACK_PER_DAY = 0.002
LUCK = 0.05
"""How much the square of a day's evidence counts against it, times the learning rate. In a hundred days some vector of
four hundred is ahead by luck alone; a gain that comes in large swings has to be larger. Without it a learner whose
thresholds were right from the start loses two to three times as much."""
ANCHOR_CHILD_SHARES = 3.0
"""Weight of a child of the anchor, in shares of its own prior. The anchor stays whole: were its weight shared among
its children like that of other parents, half of it would be gone after a week without any evidence against it."""
DAYS_DRAWN_BACK_MAX = 60
DAYS_PER_GENERATION = 7
FIXED = SIZE // 2
"""The first half of the library is never replaced."""
ROLLBACK_T = -1.5
ROLLBACK_PERIODS_MIN = 10
STEP_DAYS_MAX = 7
UNDATED = DAY_MAX + 1
ROWS_AT_ONCE = 256
"""So that a year handed over in one piece does not need gigabytes."""


def anchored(
    parameters: Sequence[Learnable | Mapping[str, Any]], seed: int, preset: str = "balanced", **options: Any
) -> "Anchored":
    """A learner that has seen nothing yet. Parameters may be plain mappings; `options` are the fields of `Options`."""
    named = [SimpleNamespace(**one) if isinstance(one, Mapping) else one for one in parameters]
    return Anchored(named, seed, preset, Options(**options))


@dataclass(frozen=True, slots=True)
class Memory:
    """All that a learner knows, as it is stored. The first half of the library is drawn anew from the seed."""

    evolved: NDArray[np.float32]
    weights: Matrix
    """One row learned from everything; behind it, where regimes are kept apart, one for each of them."""
    drift: Vector
    """Decayed mean of the squared evidence per day of each vector, the tide's part apart and included …"""
    noise: Vector
    """… and of what it would be if outcomes were independent; their ratio is the design effect."""
    live: Vector
    gains: Vector
    """Per period, what the live thresholds gained over the anchor; at most the last thirty."""
    evidence: Evidence
    tide: Tide = field(default_factory=Tide)
    mix: Vector = field(default_factory=lambda: first_alone(1))
    """How much each row of the weights counts now."""
    day: int | None = None
    """The last period that was settled."""
    adapted_day: int | None = None
    """The last one on which thresholds could have moved: a step that was not taken then is not made up for later."""
    held_until: int | None = None
    generation: int = 0
    new_outcomes: int = 0
    """Settled since the last adaptation."""
    known: int = 0
    trades: int = 0

    def rebased(self, today: int) -> "Memory":
        """The same memory on a clock that was set back: what was learned keeps its distance, and nothing waits for
        days that will not come."""
        settled, adapted = ahead(self.day, today), ahead(self.adapted_day, today)
        if not settled and not adapted:
            return self
        return replace(
            self,
            day=earlier(self.day, settled),
            adapted_day=earlier(self.adapted_day, adapted),
            held_until=earlier(self.held_until, adapted),
            evidence=self.evidence.earlier(settled),
            generation=min(self.generation, today // DAYS_PER_GENERATION),
        )


def ahead(day: int | None, today: int) -> int:
    """Days by which it lies in the future; one is no more than a clock put right around midnight."""
    return day - today if day is not None and day > today + 1 else 0


def earlier(day: int | None, days: int) -> int | None:
    return day - days if day is not None else None


@dataclass(frozen=True, slots=True)
class Seen:
    """Signals that wait for their period to be settled, one row each."""

    units: Matrix
    accepted: Flags
    results: Vector
    strength: Vector
    rows: NDArray[np.int64]
    """Of the weights, by regime; 0 where it is not known."""
    days: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.results)

    def only(self, rows: Any) -> "Seen":
        return Seen(*(getattr(self, each.name)[rows] for each in fields(self)))

    def by_day(self, last: int) -> "Seen":
        """In order; what was given no day of its own belongs to the last one."""
        dated = replace(self, days=np.where(self.days == UNDATED, last, self.days))
        return dated.only(np.argsort(dated.days, kind="stable"))


def together(parts: Sequence[Seen]) -> Seen:
    return Seen(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Seen)))


@dataclass(frozen=True, slots=True)
class Weighed:
    """What each vector would have won over the anchor, one row per period."""

    totals: Matrix
    tides: Matrix
    """What the tide brought it."""
    variance: Matrix
    """Of the total, if outcomes were independent."""
    per_row: NDArray[np.float64]
    """Of the weights."""
    live: Vector
    """What the live thresholds won."""


def tilted(weights: Matrix, before: Vector) -> Vector:
    """How far evidence has moved the weight of each vector; the half that evolves differs between learners."""
    tilt: Vector = np.log(np.maximum(weights[0], 1e-300) / before)
    tilt -= tilt[0]
    tilt[FIXED:] = 0.0
    return tilt


def faded(before: Vector, news: Matrix) -> Matrix:
    """The decayed mean, as it stands after each of the periods."""
    found = (1.0 - FORGET) * news
    for row in found:
        np.add(row, FORGET * before, out=row)
        before = row
    return found


def at_most(periods: Sequence[tuple[int, int]], rows: int) -> Iterator[list[tuple[int, int, int]]]:
    """The periods with their numbers, cut into groups of that many rows."""
    pieces: list[tuple[int, int, int]] = []
    room = rows
    for number, (begin, end) in enumerate(periods):
        start = begin
        while start < end:
            if room == 0:
                yield pieces
                pieces, room = [], rows
            taken = min(end - start, room)
            pieces.append((number, start, start + taken))
            start, room = start + taken, room - taken
    if pieces:
        yield pieces


class Anchored:
    def __init__(
        self, parameters: Sequence[Learnable], seed: int, preset: str, options: Options, memory: Memory | None = None
    ) -> None:
        if preset not in PRESETS:
            raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, found {preset!r}")
        self.scale = scale_of(parameters)
        self.preset = preset
        self.options = options
        self._preset: Preset = PRESETS[preset]
        self._rate = self._preset.learning_rate * options.learning_rate_scale
        self._seed = seed
        self._prior = prior(self._preset.anchor_share, self._preset.stand_aside)
        self._library = drawn(self.scale, seed, self._preset.stand_aside)
        self._library[FIXED:] = self._library[FIXED:].astype(np.float32)
        self._seen: list[Seen] = []
        self.memory = memory if memory is not None else self._newborn()
        self._library[FIXED:] = self.memory.evolved

    def _newborn(self) -> Memory:
        return Memory(
            evolved=self._library[FIXED:].astype(np.float32),
            weights=np.tile(self._prior, (rows_of(self.options.regimes), 1)),
            drift=np.full(SIZE, FIRST_MOMENTS),
            noise=np.full(SIZE, FIRST_MOMENTS),
            live=self.scale.anchor.copy(),
            gains=np.empty(0),
            evidence=no_evidence(len(self.scale.names)),
            mix=first_alone(rows_of(self.options.regimes)),
        )

    def thresholds(self) -> dict[str, float]:
        values = self.scale.values(self.memory.live)
        return {name: float(value) for name, value in zip(self.scale.names, values, strict=True)}

    def stand_on(self, values: Mapping[str, float]) -> None:
        """The thresholds were changed by others; from here on, these are the ones that move."""
        if self.thresholds() != dict(values):
            self.memory = replace(self.memory, live=self.scale.vector(values))

    def decide(self, values: ArrayLike) -> tuple[Flags, Vector]:
        """One row per signal, one column per parameter, NaN where a signal carries nothing."""
        units = self.scale.units(signals_of(values, self.scale.names))
        accepted = passes(self.memory.live[None, :], units)[0]
        propensity = np.ones(len(units))
        share = self.options.exploration
        if share > 0.0:
            # Drawn from the signals themselves, so that a learner that was stored in between explores the same ones.
            random = np.random.default_rng([self._seed, 2, zlib.crc32(units.tobytes())])
            explored = ~accepted & (random.random(len(units)) < share)
            propensity[~accepted] = 1.0 - share
            propensity[explored] = share
            accepted = accepted | explored
        return accepted, propensity

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
        """Results in R, NaN where none is known. They wait until their period is settled: each that of its own day,
        where days are given. A regime that is not told, or is NaN, counts for all of them.

        A weight of -1 takes back what was observed before with the very same numbers.
        """
        signals = signals_of(values, self.scale.names)
        rows = rows_for(regime, len(signals), self.options.regimes)
        found = column_of("y", results, len(signals))
        taken = flags_of("accepted", accepted, len(signals))
        chance = column_of("propensity", propensity, len(signals))
        weights = column_of("weight", weight, len(signals))
        # How much a trade counts that was taken with an unknown chance cannot be said either.
        known = np.isfinite(found) & np.isfinite(weights) & (np.isfinite(chance) | ~taken)
        units, taken = self.scale.units(signals[known]), taken[known]
        net = np.clip(found[known] - np.where(taken, 0.0, self.options.haircut), -R_CLIP, R_CLIP)
        strength = weights[known] / np.where(taken, np.clip(chance[known], PROPENSITY_MIN, 1.0), 1.0)
        dated = np.full(len(net), UNDATED) if days is None else days_of(days, len(signals))[known]
        if len(net):
            self._seen.append(Seen(units, taken, net, strength, rows[known], dated))

    def adapt(
        self, day: int, *, regime: int | None = None, tilt: Vector | None = None, frozen: str | None = None
    ) -> Explanation | None:
        """Settle the day and move; None, and nothing changed, without new evidence or on a day that was settled.

        Toward what pays under the regime, or, where none is told, under those of the last evidence.
        `tilt` is what the user's other symbols have taught, from a learner of all of them; `frozen` says why nothing
        may move.
        """
        day = day_of(day)
        row_of(regime, self.options.regimes)
        if self.memory.day is not None and day <= self.memory.day and self._seen:
            return None
        if not self._seen and not self.memory.new_outcomes:
            return None
        if self._seen:
            self.settle(day)
        assert self.memory.day is not None
        # Settled ahead of this call: the newest day that was seen counts.
        return self._move(max(day, self.memory.day), regime, tilt, frozen)

    def settle(self, day: int) -> None:
        """Close the periods up to this one: everything observed since the last one is weighed, once."""
        day = day_of(day)
        assert self.memory.day is None or day > self.memory.day
        if not self._seen:
            return
        seen, self._seen = together(self._seen).by_day(day), []
        fresh = evidence(seen.units, seen.results, seen.accepted, seen.days)
        numbers, starts = np.unique(seen.days, return_index=True)
        assert numbers[-1] <= day
        assert self.memory.day is None or numbers[0] > self.memory.day
        ends = [*starts[1:].tolist(), len(seen)]
        periods = list(zip(numbers.tolist(), starts.tolist(), ends, strict=True))
        while periods:
            # As long as the library stays the same, what its vectors let through is found for many periods at once.
            same = 1 + sum(number // DAYS_PER_GENERATION <= self.memory.generation for number, *_ in periods[:-1])
            self._settle(seen, fresh, periods[:same])
            generation = periods[same - 1][0] // DAYS_PER_GENERATION
            if generation > self.memory.generation:
                self._evolve(generation)
            periods = periods[same:]
        signs = np.sign(seen.strength).astype(np.int64)
        self.memory = replace(
            self.memory,
            new_outcomes=self.memory.new_outcomes + len(seen),
            known=self.memory.known + int(signs.sum()),
            trades=self.memory.trades + int(signs[seen.accepted].sum()),
        )

    def _settle(self, seen: Seen, fresh: Evidence, periods: Sequence[tuple[int, int, int]]) -> None:
        memory = self.memory
        worth = worth_of(memory.evidence, self.options.score_weights) if self.options.utility == "score" else None
        seen = seen if worth is None else replace(seen, results=worth.of(seen.results))
        tide, mix, common = memory.tide, memory.mix, np.zeros(len(seen))
        is_new = seen.strength > 0.0
        for _, start, end in periods:
            new = is_new[start:end]
            mix = mixed_after(mix, seen.rows[start:end][new])
            results = seen.results[start:end][new]
            tide = tide.after(results)
            common[start:end] = tide.common(results)
        weighed = self._weighed(seen, common, [(start, end) for _, start, end in periods])
        # The tide is no evidence. But it is uncertainty: what is taken away today comes back with the usual mean,
        # spread over weeks where no single day shows it. So a vector that takes more signals than the anchor, or
        # fewer, has it added to its squares. Without this, thresholds that were right lose several times as much
        # when outcomes overlap.
        squared = weighed.totals**2 + weighed.tides**2
        drift, noise = faded(memory.drift, squared), faded(memory.noise, weighed.variance)
        effect = np.maximum(1.0, drift / noise)
        gained = self._rate * (weighed.per_row / effect[:, None] - (self._rate * (LUCK * squared / effect**2))[:, None])
        weights, settled = memory.weights, memory.day
        for row, (day, *_) in enumerate(periods):
            elapsed = 1 if settled is None else min(day - settled, DAYS_DRAWN_BACK_MAX)
            weights = self._reweighed(weights, gained[row], elapsed)
            settled = day
        rows = slice(periods[0][1], periods[-1][2])
        known = memory.evidence.renewed(fresh.only(rows), seen.strength[rows])
        self.memory = replace(
            memory,
            weights=weights,
            drift=drift[-1].copy(),
            noise=noise[-1].copy(),
            gains=np.append(memory.gains, weighed.live)[-PERIODS_MAX:],
            # For explanations, and for what a result is worth.
            evidence=known.after(periods[-1][0] - PERIODS_MAX),
            tide=tide,
            mix=mix,
            day=settled,
        )

    def _weighed(self, seen: Seen, common: Vector, periods: Sequence[tuple[int, int]]) -> Weighed:
        totals, tides, variance = np.zeros((3, len(periods), SIZE))
        # With nothing to tell apart, the only row is the total itself.
        one_row = self.options.regimes == 1
        per_row = totals[:, None] if one_row else np.zeros((len(periods), len(self.memory.weights), SIZE))
        live = np.zeros(len(periods))
        own, whole = (seen.results - common) * seen.strength, seen.results * seen.strength
        both, squares = np.stack([own, common * seen.strength], axis=1), whole**2
        for pieces in at_most(periods, ROWS_AT_ONCE):
            first, last = pieces[0][1], pieces[-1][2]
            passed = passes(self._library, seen.units[first:last]).astype(np.float64, order="C")
            differs = passed - passed[0]
            apart = np.abs(differs)
            alive = passes(self.memory.live[None, :], seen.units[first:last])[0] - passed[0]
            for row, start, end in pieces:
                rows = slice(start - first, end - first)
                gained, tide = (differs[:, rows] @ both[start:end]).T
                totals[row] += gained
                tides[row] += tide
                variance[row] += apart[:, rows] @ squares[start:end]
                live[row] += alive[rows] @ whole[start:end]
                if not one_row:
                    per_row[row] += gained
                    self._discount_others(per_row[row], differs[:, rows] * own[start:end], seen.rows[start:end])
        return Weighed(totals, tides, variance, per_row, live)

    def _discount_others(self, per_row: Matrix, gained: Matrix, regimes: NDArray[np.int64]) -> None:
        """Taken off rather than added up, so that without a known regime all rows stay the same to the last digit."""
        for regime in np.unique(regimes[regimes > 0]).tolist():
            others = np.full(len(per_row), 1.0 - self.options.other_regimes)
            others[[0, regime]] = 0.0
            per_row -= others[:, None] * gained[:, regimes == regime].sum(axis=1)

    def _reweighed(self, weights: Matrix, gained: Matrix, elapsed: int) -> Matrix:
        # In place where it can be: for so few numbers, to make room for them costs as much as to work them out.
        found = np.log(weights) + gained
        found -= np.maximum.reduce(found, axis=1, keepdims=True)
        np.exp(found, out=found)
        found /= np.add.reduce(found, axis=1, keepdims=True)
        back = 1.0 - (1.0 - DRAWN_BACK_PER_DAY) ** elapsed
        found *= 1.0 - back
        found += back * self._prior
        return found

    def _evolve(self, generation: int) -> None:
        memory, chance = self.memory, litter(self._seed, generation, len(self.scale.names))
        children, parents = heirs(memory.weights[0], chance.parents)
        self._library[children] = self.scale.clipped(self._library[parents] + chance.jitter).astype(np.float32)
        weights, drift, noise = memory.weights.copy(), memory.drift.copy(), memory.noise.copy()
        # A parent with three children splits its weight into four equal parts; but the anchor stays whole.
        family = 1.0 + np.bincount(parents, minlength=SIZE)
        family[0] = 1.0
        weights[:, children] = 0.0
        weights /= family
        weights[:, children] = weights[:, parents]
        of_anchor = children[parents == 0]
        weights[:, of_anchor] = ANCHOR_CHILD_SHARES * self._prior[of_anchor]
        weights /= weights.sum(axis=1, keepdims=True)
        drift[children], noise[children] = drift[parents], noise[parents]
        self.memory = replace(
            memory,
            evolved=self._library[FIXED:].astype(np.float32),
            weights=weights,
            drift=drift,
            noise=noise,
            generation=generation,
        )

    def tilt(self) -> Vector:
        return tilted(self.memory.weights, self._prior)

    def target(self, regime: int | None = None, tilt: Vector | None = None) -> Vector:
        weights = self._deciding(regime)
        if tilt is not None:
            weights = weights * np.exp(np.clip(self.options.pooled * tilt, -50.0, 50.0))
            weights = weights / weights.sum()
        # The half that evolves is kept in 32 bits, and so may lie a hair beyond a bound.
        return self.scale.clipped(weighted_median(self._library, weights))

    def _deciding(self, regime: int | None) -> Vector:
        """The weights under that regime, or a mix of all by how much each counts now."""
        memory, row = self.memory, row_of(regime, self.options.regimes)
        found: Vector = memory.mix @ memory.weights if row is None else memory.weights[row]
        return found

    def design_effect(self, regime: int | None = None) -> float:
        """Weighted over the vectors that differ from the anchor."""
        weights = self._deciding(regime)[1:]
        effects = np.maximum(1.0, self.memory.drift / self.memory.noise)[1:]
        return float(weights @ effects / weights.sum())

    def _move(self, day: int, regime: int | None, tilt: Vector | None, frozen: str | None) -> Explanation:
        memory = self.memory
        step = self._step(day, regime, tilt, frozen)
        explanation = told(
            step,
            scale=self.scale,
            evidence=memory.evidence,
            preset=self.preset,
            day=day,
            new_outcomes=memory.new_outcomes,
            anchor_weight=float(self._deciding(regime)[0]),
            design_effect=self.design_effect(regime),
        )
        self.memory = replace(
            memory,
            live=step.after,
            new_outcomes=0,
            adapted_day=day,
            held_until=day + self.options.cooldown_days if step.verdict == "rolled_back" else memory.held_until,
            gains=np.empty(0) if step.verdict == "rolled_back" else memory.gains,
        )
        return explanation

    def _step(self, day: int, regime: int | None, tilt: Vector | None, frozen: str | None) -> Step:
        memory, options = self.memory, self.options

        def hold(verdict: Any, reason: str) -> Step:
            return Step(verdict, reason, memory.live, memory.live)

        if frozen is not None:
            return hold("held", frozen)
        if memory.held_until is not None and day < memory.held_until:
            days = memory.held_until - day
            return hold("held", f"cooling down for another {days} {'day' if days == 1 else 'days'}")
        if memory.trades < options.trades_min or memory.known < options.outcomes_min:
            return hold(
                "insufficient",
                f"not enough evidence: {memory.trades} trades and {memory.known} known outcomes,"
                f" {options.trades_min} and {options.outcomes_min} are needed",
            )
        t = self._t_of_gains()
        if t is not None and t < ROLLBACK_T:
            reason = (
                f"back to the anchor: over its last {len(memory.gains)} periods the moved gate earned"
                f" {memory.gains.mean():+.2f} R a period against the anchor (t = {t:.1f})"
            )
            return Step("rolled_back", reason, memory.live, self.scale.anchor.copy())
        return self._toward(self.target(regime, tilt), day)

    def _t_of_gains(self) -> float | None:
        gains = self.memory.gains
        if len(gains) < ROLLBACK_PERIODS_MIN or np.array_equal(self.memory.live, self.scale.anchor):
            return None
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        return float(gains.mean() / error) if error > 0.0 else None

    def _toward(self, target: Vector, day: int) -> Step:
        memory, options = self.memory, self.options
        days = 1 if memory.adapted_day is None else max(1, min(day - memory.adapted_day, STEP_DAYS_MAX))
        daily = np.full(len(target), options.step_max * days)
        # The cap is a share of the span as a human sees it, and of its logarithm where the parameter is logarithmic.
        cap = options.span_share_max * (self.scale.high - self.scale.low)
        wanted = target - memory.live
        step = np.clip(wanted, -np.minimum(daily, cap), np.minimum(daily, cap))
        step[np.abs(wanted) < options.change_min] = 0.0
        contradicted = self._contradicted(step, target)
        step[list(contradicted)] = 0.0
        reached = np.abs(wanted) <= np.minimum(daily, cap)
        after = self.scale.clipped(np.where(reached & (step != 0.0), target, memory.live + step))
        bounds: tuple[Bound, ...] = tuple(
            "target reached" if done else "daily step" if slow <= most else "share of the span"
            for done, slow, most in zip(reached, daily, cap, strict=True)
        )
        # A limit at its bound may be pushed further by a last digit, and stays where it is.
        moved = not np.array_equal(after, memory.live)
        reason = "moved toward what pays" if moved else "no threshold has a reason to move"
        return Step("moved" if moved else "held", reason, memory.live, after, target, bounds, contradicted)

    def _contradicted(self, step: Vector, target: Vector) -> tuple[int, ...]:
        """Where the signals on the way say the opposite, or where there are none: nothing is refused that gained,
        nothing taken that lost, and nothing moved without a reason."""
        found = []
        for index in np.flatnonzero(step).tolist():
            on_the_way = self.memory.evidence.on_the_way(self.memory.live, index, float(target[index]))
            mean = float(on_the_way.results.mean(dtype=np.float64)) if len(on_the_way) else 0.0
            if mean * step[index] >= 0.0:
                found.append(int(index))
        return tuple(found)
