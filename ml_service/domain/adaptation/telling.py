"""From a step to its explanation: what lies on the way, what that was worth, and a sentence for each parameter."""

from dataclasses import dataclass, replace

import numpy as np

from ml_service.domain.adaptation.evidence import Evidence, mean_by_day, sum_per_day
from ml_service.domain.adaptation.explanation import Bound, Estimate, Explanation, Held, Moved, Verdict, Window
from ml_service.domain.adaptation.library import Scale, Vector, passes


@dataclass(frozen=True, slots=True)
class Step:
    """What the learner does, in its own units."""

    verdict: Verdict
    reason: str
    before: Vector
    after: Vector
    target: Vector | None = None
    bounded_by: tuple[Bound, ...] = ()
    contradicted: tuple[int, ...] = ()
    """Parameters that the weights would move and the signals on the way would not."""


def told(
    step: Step,
    *,
    scale: Scale,
    evidence: Evidence,
    preset: str,
    day: int,
    new_outcomes: int,
    anchor_weight: float,
    design_effect: float,
) -> Explanation:
    return Explanation(
        algorithm="anchored",
        preset=preset,
        verdict=step.verdict,
        reason=step.reason,
        day=day,
        new_outcomes=new_outcomes,
        window=window_of(evidence),
        anchor_weight=anchor_weight,
        design_effect=design_effect,
        effective_count=len(evidence) / design_effect,
        gain_per_day=gain(step, evidence),
        moved=tuple(moves(step, scale, evidence)),
        held=tuple(holds(step, scale, evidence)),
    )


def window_of(evidence: Evidence) -> Window:
    accepted = int(evidence.accepted.sum())
    return Window(
        first_day=int(evidence.days.min()) if len(evidence) else None,
        last_day=int(evidence.days.max()) if len(evidence) else None,
        outcomes=len(evidence),
        accepted=accepted,
        counterfactual=len(evidence) - accepted,
    )


def gain(step: Step, evidence: Evidence) -> Estimate | None:
    """Of the new thresholds over the former ones, had both judged the window."""
    if np.array_equal(step.before, step.after) or not len(evidence):
        return None
    both = passes(np.stack([step.before, step.after]), evidence.units.astype(np.float64))
    changed = np.flatnonzero(both[0] != both[1])
    signs = np.where(both[1], 1.0, -1.0)[changed].astype(np.float32)
    days = int(evidence.days.max() - evidence.days.min()) + 1
    return sum_per_day(evidence.results[changed] * signs, evidence.days[changed], days)


def moves(step: Step, scale: Scale, evidence: Evidence) -> list[Moved]:
    before, after = scale.values(step.before), scale.values(step.after)
    # A rollback has no target but the place it goes to.
    ends = step.after if step.target is None else step.target
    targets = scale.values(ends)
    found = []
    for index in np.flatnonzero(step.before != step.after).tolist():
        on_the_way = evidence.on_the_way(step.before, index, float(ends[index]))
        flipped = evidence.on_the_way(step.before, index, float(step.after[index]))
        share = float(1.0 - on_the_way.accepted.mean()) if len(on_the_way) else None
        move = Moved(
            parameter=scale.names[index],
            before=float(before[index]),
            after=float(after[index]),
            target=float(targets[index]),
            bounded_by=step.bounded_by[index] if step.bounded_by else "target reached",
            flipped=len(flipped),
            on_the_way=mean_by_day(on_the_way.results, on_the_way.days),
            counterfactual_share=share,
            sentence="",
            flipped_result=mean_by_day(flipped.results, flipped.days),
        )
        tighter = bool(step.after[index] > step.before[index])
        found.append(spoken(move, tighter, step.reason if step.verdict == "rolled_back" else None))
    return found


def spoken(move: Moved, tighter: bool, reason: str | None) -> Moved:
    step = f"the limit goes from {move.before:.4g} to {move.after:.4g}{why_no_further(move)}"
    if reason is not None:
        return replace(move, sentence=f"{step[0].upper()}{step[1:]}: {reason}.")
    effect = "refuse such signals" if tighter else "take such signals"
    return replace(move, sentence=f"{outcome_of(move)}: to {effect}, {step}{judged_anew(move, tighter)}.")


def way(move: Moved) -> str:
    low, high = sorted((move.before, move.target))
    return f"with {plain(move.parameter)} between {low:.4g} and {high:.4g} passed all other limits"


def outcome_of(move: Moved) -> str:
    result, share = move.on_the_way, move.counterfactual_share
    assert result is not None
    counted = "1 signal" if result.count == 1 else f"{result.count} signals"
    said = f"{counted} {way(move)} and {gained(result)}"
    return said + (f" ({round(100 * share)} % of them never traded, but marked to market)" if share else "")


def gained(result: Estimate) -> str:
    size = f"{abs(result.mean):.2f}"
    said = f"{'gained' if result.mean >= 0.0 else 'lost'} {size} R" if size != "0.00" else "came out even"
    if result.count > 1:
        said += " on average"
    if result.low is not None and result.high is not None:
        said += f", 95 % between {result.low:+.2f} and {result.high:+.2f}"
    return said


def why_no_further(move: Moved) -> str:
    match move.bounded_by:
        case "daily step":
            return f", as far toward {move.target:.4g} as one day allows"
        case "share of the span":
            return f", as far toward {move.target:.4g} as one cycle allows"
        case _:
            return ""


def judged_anew(move: Moved, tighter: bool) -> str:
    """Of the signals on the way, those that this step reaches."""
    if move.bounded_by == "target reached":
        return ""
    verb, result = "refuses" if tighter else "lets in", move.flipped_result
    if result is None:
        return f"; as yet it {verb} none of them"
    counted = "the one" if result.count == 1 else f"the {result.count}"
    return f"; {counted} of them that it {verb} now {gained(result)}"


def plain(parameter: str) -> str:
    return parameter.removesuffix("_threshold").replace("_", " ")


def holds(step: Step, scale: Scale, evidence: Evidence) -> list[Held]:
    values = scale.values(step.after)
    if step.target is None:
        return [
            Held(scale.names[index], float(values[index]), None, step.reason)
            for index in np.flatnonzero(step.before == step.after).tolist()
        ]
    targets = scale.values(step.target)
    found = []
    for index in np.flatnonzero(step.before == step.after).tolist():
        value, target = float(values[index]), float(targets[index])
        if index in step.contradicted:
            on_the_way = evidence.on_the_way(step.before, index, float(step.target[index]))
            result = mean_by_day(on_the_way.results, on_the_way.days)
            why = contradiction(target, result, bool(step.target[index] > step.before[index]))
        elif value == target:
            why = "stands where the evidence points"
        else:
            why = f"the evidence points to {target:.4g}, too little to move for"
        found.append(Held(scale.names[index], value, target, why))
    return found


def contradiction(target: float, result: Estimate | None, tighter: bool) -> str:
    if result is None:
        return f"the weights point to {target:.4g}, but no signal of the window lies on the way: nothing speaks for it"
    counted = "the one signal" if result.count == 1 else f"the {result.count} signals"
    verb = "refuse" if tighter else "take"
    return (
        f"the weights point to {target:.4g}, but {counted} on the way {gained(result)}: not yet a reason to {verb} them"
    )
