"""One cycle of one scope: waiting outcomes become periods of evidence, and the learner moves, holds or turns back.

Pure: the use-case brings everything and writes down what comes out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ml_service.domain.adaptation.algorithm import Algorithm
from ml_service.domain.adaptation.anchored import Anchored
from ml_service.domain.adaptation.apart import naming
from ml_service.domain.adaptation.explanation import Explanation, Held, Verdict, Window
from ml_service.domain.adaptation.learned import Learned, anchors_of, learner_of
from ml_service.domain.adaptation.library import Matrix, Vector
from ml_service.domain.adaptation.policy import AdaptationPolicy
from ml_service.domain.adaptation.presets import Options
from ml_service.domain.lessons import Lesson
from ml_service.domain.market.regimes import ALIASES, REGIMES
from ml_service.domain.outcomes import DAY_MS, in_r
from ml_service.domain.types import GatePolicy

PERCENT_PER_R = 1.0
"""What a unit of risk is worth where nothing better is known, in percent."""
PERCENT_KNOWN_MIN = 20
PERCENT_PER_R_MIN = 0.05
QUARANTINED_MAX = 10
"""Of the last hundred live outcomes: with more of them implausible, nothing is learned until somebody has looked."""


class Taught(NamedTuple):
    """An outcome, as far as it can teach. A tuple: thousands of them are made for one cycle."""

    accepted: bool
    pnl: float | None
    pnl_percent: float | None
    risk: float | None
    lesson: Lesson

    def r(self, percent_per_r: float) -> float | None:
        return in_r(self.pnl, self.pnl_percent, self.risk, self.lesson, percent_per_r)


class Waiting(NamedTuple):
    """An outcome that was not learned from yet."""

    id: int
    effective_at_ms: int
    taught: Taught
    superseded: bool = False
    instead_of: Taught | None = None
    """What was learned from in its place, …"""
    percent_per_r: float | None = None
    """… with what a unit of risk was then."""


@dataclass(frozen=True, slots=True)
class Recent:
    """The last hundred outcomes of the scope."""

    percents: tuple[float, ...] = ()
    quarantined: int = 0

    @property
    def percent_per_r(self) -> float:
        if len(self.percents) < PERCENT_KNOWN_MIN:
            return PERCENT_PER_R
        return max(float(np.std(self.percents, ddof=1)), PERCENT_PER_R_MIN)


@dataclass(frozen=True, slots=True)
class Situation:
    user_id: str
    learned: Learned | None
    waiting: Sequence[Waiting]
    recent: Recent
    current: Mapping[str, float]
    """The thresholds that decide now."""
    anchor: Mapping[str, float]
    """Where a learner that begins now lays its library."""
    frozen: str | None
    held_until_ms: int
    tilt: Vector | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Cycle:
    explanation: Explanation
    learned: Learned | None
    observed: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    """Outcomes that have nothing to teach: superseded before they were learned from, or without a result in R."""
    percent_per_r: float = PERCENT_PER_R
    values: Mapping[str, float] | None = None
    """The new thresholds, where they moved."""
    measured: tuple[int, ...] = ()
    """When those of the observed were closed that name no risk of their own."""


def cycle(now: Situation, policy: GatePolicy, rules: AdaptationPolicy) -> Cycle:
    regimes = regimes_of(rules)
    options = options_of(rules, len(regimes))
    learned = now.learned if now.learned is not None and now.learned.fits(policy, rules) else None
    today = now.now_ms // DAY_MS
    if learned is not None:
        learned = learned.rebased(today)
    percent_per_r = now.recent.percent_per_r
    teaching: list[Waiting] = []
    silent: list[Waiting] = []
    for one in now.waiting:
        (teaching if teaches(one, percent_per_r) else silent).append(one)
    skipped = tuple(one.id for one in silent)

    def resting(verdict: Verdict, reason: str) -> Cycle:
        # What was set back stays set back: done anew each day, it would make every day one that was settled already.
        return Cycle(rested(verdict, reason, now, rules, len(teaching)), learned or now.learned, skipped=skipped)

    if now.frozen is not None:
        return resting("held", f"frozen by hand: {now.frozen}" if now.frozen else "frozen by hand")
    if now.recent.quarantined > QUARANTINED_MAX:
        return resting(
            "held",
            f"frozen: {now.recent.quarantined} of the last 100 outcomes are in quarantine, more than {QUARANTINED_MAX};"
            " look at them: release what is right, correct what is wrong",
        )
    if not teaching:
        return resting("held", "nothing new since the last adaptation")
    if learned is not None and learned.memory.day is not None and learned.memory.day >= today:
        return resting("held", f"today's evidence is settled; {counted(len(teaching))} will be settled tomorrow")
    trades = sum(one.taught.accepted for one in teaching)
    if learned is None and (trades < rules.trades_min or len(teaching) < options.outcomes_min):
        return resting(
            "insufficient",
            f"not enough evidence: {trades} trades and {len(teaching)} known outcomes,"
            f" {rules.trades_min} and {options.outcomes_min} are needed",
        )

    if learned is not None:
        learned = learned.told_apart(regimes)
    anchors = learned.anchors if learned is not None else anchors_of(policy, now.anchor, matrix(teaching))
    learner = learner_of(now.user_id, anchors, rules, options, learned)
    learner.stand_on(now.current)
    settle(learner, teaching, percent_per_r, today, regimes)
    explanation = learner.adapt(today, tilt=now.tilt, frozen=cooling(now))
    assert explanation is not None
    explanation = as_they_stand(explanation, now.current)
    if isinstance(learner, Anchored):
        explanation = naming(explanation, learner.memory.weights, learner.memory.mix, regimes)
    kept = Learned(anchors, rules.preset, learner.memory, regimes)
    moved = {move.parameter: move.after for move in explanation.moved}
    values = {**now.current, **moved} if moved else None
    observed = tuple(one.id for one in teaching)
    measured = tuple(one.effective_at_ms for one in teaching if one.taught.risk is None)
    return Cycle(explanation, kept, observed, skipped, percent_per_r, values, measured)


def as_they_stand(explanation: Explanation, current: Mapping[str, float]) -> Explanation:
    """From the learner's units and back costs a last digit; what is told is what decided until now."""
    return replace(
        explanation,
        moved=tuple(replace(move, before=current[move.parameter]) for move in explanation.moved),
        held=tuple(replace(hold, value=current[hold.parameter]) for hold in explanation.held),
    )


def regimes_of(rules: AdaptationPolicy) -> tuple[str, ...]:
    return REGIMES if rules.regimes == "separate" and rules.algorithm == "anchored" else ()


def options_of(rules: AdaptationPolicy, regimes: int) -> Options:
    return Options(
        regimes=max(1, regimes),
        learning_rate_scale=rules.learning_rate / AdaptationPolicy().learning_rate,
        trades_min=rules.trades_min,
        span_share_max=rules.span_share_max,
        change_min=rules.change_share_min,
        pooled=rules.pooling,
        utility=rules.utility,
        score_weights=rules.score_weights,
    )


def teaches(one: Waiting, percent_per_r: float) -> bool:
    return not one.superseded and one.taught.r(percent_per_r) is not None


def cooling(now: Situation) -> str | None:
    hours = (now.held_until_ms - now.now_ms) / 3_600_000
    return f"cooling down for another {hours:.0f} hours" if hours > 0.0 else None


def counted(count: int) -> str:
    return "1 new outcome" if count == 1 else f"{count} new outcomes"


def matrix(teaching: Sequence[Waiting]) -> Matrix:
    return np.array([one.taught.lesson.values for one in teaching], dtype=np.float64)


def settle(
    learner: Algorithm, teaching: Sequence[Waiting], percent_per_r: float, today: int, regimes: Sequence[str]
) -> None:
    """Day by day, in the order in which they were closed; what is late counts when it became known."""
    settled = learner.memory.day

    def period(one: Waiting) -> int:
        day = min(one.effective_at_ms // DAY_MS, today)
        return day if settled is None else max(day, settled + 1)

    days = [period(one) for one in teaching]
    order = sorted(range(len(days)), key=days.__getitem__)
    ones, days = [teaching[place] for place in order], [days[place] for place in order]
    tell(learner, [(one.taught, percent_per_r) for one in ones], days, 1.0, regimes)
    # And, taken back, what was learned from in its place.
    former = [
        (one.instead_of, one.percent_per_r or percent_per_r, day)
        for one, day in zip(ones, days, strict=True)
        if one.instead_of is not None
    ]
    tell(learner, [(taught, percent) for taught, percent, _ in former], [day for *_, day in former], -1.0, regimes)
    learner.settle(days[-1])


def tell(
    learner: Algorithm,
    told: Sequence[tuple[Taught, float]],
    days: Sequence[int],
    weight: float,
    regimes: Sequence[str],
) -> None:
    if not told:
        return
    learner.observe(
        np.array([taught.lesson.values for taught, _ in told], dtype=np.float64),
        [taught.accepted for taught, _ in told],
        [taught.lesson.propensity for taught, _ in told],
        np.array([taught.r(percent) for taught, percent in told], dtype=np.float64),
        weight=weight,
        regime=places_of((taught.lesson for taught, _ in told), regimes) if regimes else None,
        days=days,
    )


def places_of(lessons: Iterable[Lesson], regimes: Sequence[str]) -> Vector:
    """Of the regime of each; NaN where it was not known, or is one that nobody else knows."""
    places = {name: float(place) for place, name in enumerate(regimes)}
    places |= {alias: places[name] for alias, name in ALIASES.items() if name in places}
    return np.array([places.get(lesson.regime or "", np.nan) for lesson in lessons])


def rested(verdict: Verdict, reason: str, now: Situation, rules: AdaptationPolicy, new_outcomes: int) -> Explanation:
    return Explanation(
        algorithm=rules.algorithm,
        preset=rules.preset,
        verdict=verdict,
        reason=reason,
        day=now.now_ms // DAY_MS,
        new_outcomes=new_outcomes,
        window=Window(None, None, 0, 0, 0),
        anchor_weight=None,
        design_effect=None,
        effective_count=None,
        gain_per_day=None,
        held=tuple(Held(name, value, None, reason) for name, value in now.current.items()),
    )
