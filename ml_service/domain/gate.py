"""The gate: may this signal be traded? Every parameter it carries has to pass."""

from collections.abc import Mapping

from ml_service.domain.exploration import chance_of
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.parameters.spec import Parameter, meets
from ml_service.domain.types import (
    Forecast,
    GatePolicy,
    OnMissing,
    Reason,
    ReasonVerdict,
    Signal,
    Trade,
    Verdict,
)

WORDS: dict[ReasonVerdict, str] = {"pass": "passed", "fail": "failed", "none": "missing"}


CODES: dict[str, dict[ReasonVerdict, str]] = {
    name: {verdict: f"{parameter.fields[0]}_{word}" for verdict, word in WORDS.items()}
    for name, parameter in PARAMETERS.items()
}
SIDES: tuple[Trade, Trade] = ("BUY", "SELL")
JUDGED = {
    side: [(parameter, name, parameter.comparison(side), CODES[name]) for name, parameter in PARAMETERS.items()]
    for side in SIDES
}
"""What does not depend on the signal, looked up once: the gate runs a thousand times for a batch."""


def decide(
    signal: Signal,
    thresholds: Mapping[str, float],
    policy: GatePolicy,
    *,
    forecast: Forecast | None = None,
    killed: bool = False,
) -> Verdict:
    if killed and not signal.reduce_only:
        return Verdict("reject", "kill_switch", (Reason("kill_switch", "fail"),))
    if signal.action is None:
        return Verdict("abstain", "no_action", (Reason("no_action", "none"),))
    if signal.action == "HOLD":
        return Verdict("reject", "hold", (Reason("hold", "fail"),))

    reasons = []
    failed = carried = False
    demanded: OnMissing = "ignore"
    for parameter, name, comparison, code in JUDGED[signal.action]:
        value = carried_value(parameter, signal, forecast)
        limit = parameter.limit(thresholds[name], signal.action)
        if value is None:
            reasons.append(Reason(code["none"], "none", name, None, limit))
            if policy[name].on_missing != "ignore":
                demanded = stricter(demanded, policy[name].on_missing)
            continue
        carried = True
        if meets(value, limit, comparison):
            reasons.append(Reason(code["pass"], "pass", name, value, limit))
        else:
            failed = True
            reasons.append(Reason(code["fail"], "fail", name, value, limit))
    return concluded(tuple(reasons), carried, failed, demanded)


def concluded(reasons: tuple[Reason, ...], carried: bool, failed: bool, demanded: OnMissing) -> Verdict:
    if not carried:
        return Verdict("abstain", "no_parameters", reasons)
    if failed:
        return Verdict("reject", "limit_missed", reasons)
    if demanded == "reject":
        return Verdict("reject", "parameter_missing", reasons)
    if demanded == "abstain":
        return Verdict("abstain", "parameter_missing", reasons)
    return Verdict("take", "all_passed", reasons)


def carried_value(parameter: Parameter, signal: Signal, forecast: Forecast | None) -> float | None:
    # A calibrated probability replaces the signal's own confidence, so that the threshold keeps its meaning
    # when the models are calibrated anew.
    if forecast is not None and parameter.name == "confidence_threshold":
        return forecast.probability
    for name in parameter.fields:
        value = signal.values.get(name)
        if value is not None:
            return value
    return None


def stricter(one: OnMissing, other: OnMissing) -> OnMissing:
    if one == other:
        return one
    if "reject" in (one, other):
        return "reject"
    return "abstain" if "abstain" in (one, other) else "ignore"


def told(verdict: Verdict) -> str:
    """The verdict as one sentence for a human."""
    match verdict.code:
        case "all_passed":
            return "take: every limit that the signal speaks to is met" + unheard_note(verdict)
        case "limit_missed":
            return f"reject: {all_missed(verdict)}"
        case "explored":
            return f"take: explored although {all_missed(verdict)}{chance_note(verdict)}"
        case "parameter_missing":
            return f"{verdict.decision}: a value that the settings demand is missing" + unheard_note(verdict)
        case code:
            return f"{verdict.decision}: {PLAIN[code]}"


PLAIN = {
    "kill_switch": "the kill switch is on, so no new risk is taken",
    "hold": "HOLD is not a trade",
    "no_action": "the signal does not say BUY or SELL",
    "no_parameters": "the signal carries nothing that the gate could judge",
    "overloaded": "too many decisions at once, this one was not judged",
    "decision_id_reused": "this decision_id already stands for another signal",
}


def all_missed(verdict: Verdict) -> str:
    return "; ".join(missed(reason) for reason in verdict.reasons if reason.verdict == "fail")


def missed(reason: Reason) -> str:
    assert reason.value is not None
    assert reason.limit is not None
    name = (reason.parameter or "").removesuffix("_threshold")
    return f"{name} {reason.value:g} misses its limit {reason.limit:g}"


def chance_note(verdict: Verdict) -> str:
    chance = chance_of(verdict)
    return f" ({100.0 * chance:g} % of such signals are taken, to learn from them)" if chance is not None else ""


def unheard_note(verdict: Verdict) -> str:
    missing = [name for _, heard, name, _, _ in verdict.reasons if heard == "none" and name]
    names = ", ".join([name.removesuffix("_threshold") for name in missing])
    return f" (no opinion from {names})" if names else ""
