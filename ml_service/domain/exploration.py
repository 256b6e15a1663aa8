"""Exploration: a share of the signals that miss a limit is taken all the same, so that refusing can be judged.

Each such verdict names the chance of its coming out as it did among its reasons; learning divides by it.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from ml_service.domain.types import Decision, GatePolicy, Reason, Verdict

EXPLORED = "explored"
NOT_EXPLORED = "not_explored"


def with_exploration(decision: Decision, share: float, policy: GatePolicy) -> Decision:
    """The decision of the gate, with what the draw makes of it where it is up for one."""
    verdict = decision.verdict
    if share <= 0.0 or not may_be_explored(decision, policy):
        return decision
    # A signal that is asked about again keeps its chance, so that its outcome, matched by either, finds the right one.
    drawn_by = decision.signal.details.get("signal_id") or decision.decision_id
    if draw(decision.user_id, drawn_by) < share:
        reasons = (*verdict.reasons, Reason(EXPLORED, "pass", value=share))
        return decision._replace(verdict=Verdict("take", EXPLORED, reasons))
    reasons = (*verdict.reasons, Reason(NOT_EXPLORED, "none", value=1.0 - share))
    return decision._replace(verdict=replace(verdict, reasons=reasons))


def may_be_explored(decision: Decision, policy: GatePolicy) -> bool:
    """Only where a limit was missed and nothing else speaks against it. What closes a position stays with the gate."""
    if decision.verdict.code != "limit_missed" or decision.signal.reduce_only or decision.killed:
        return False
    # A missed limit is told before a missing value; alone, that would have refused the signal too.
    return not any(
        reason.verdict == "none" and policy[reason.parameter].on_missing != "ignore"
        for reason in decision.verdict.reasons
        if reason.parameter is not None
    )


def draw(user_id: str, drawn_by: str) -> float:
    """From 0 to below 1, and the same for the same signal for ever: a replay draws it again."""
    digest = sha256(f"{user_id}\0{drawn_by}".encode()).digest()
    # The 53 bits that a float holds exactly; with more, the largest would round up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def chance_of(verdict: Verdict) -> float | None:
    """How likely the verdict was to come out as it did; None where nothing was left to chance."""
    for reason in verdict.reasons:
        if reason.code in (EXPLORED, NOT_EXPLORED):
            return reason.value
    return None


def share_from(document: Mapping[str, Any]) -> float:
    """The share as a stored settings document tells it; older ones know of none."""
    share: float = document["adaptation"].get("exploration", 0.0) if "adaptation" in document else 0.0
    return share
