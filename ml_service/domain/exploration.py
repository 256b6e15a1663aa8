"""Exploration: a share of the signals that miss a limit is taken all the same, so that refusing can be judged.

Each such verdict names the chance of its coming out as it did among its reasons; learning divides by it.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ml_service.domain.types import Reason, Signal, Verdict

EXPLORED = "explored"
NOT_EXPLORED = "not_explored"


def with_exploration(
    verdict: Verdict, share: float, signal: Signal, user_id: str, decision_id: str, *, killed: bool
) -> Verdict:
    """Only a limit that was missed is up for it: what closes a position, and what is asked under the kill switch,
    stays with the gate."""
    if share <= 0.0 or verdict.code != "limit_missed" or signal.reduce_only or killed:
        return verdict
    if draw(user_id, decision_id) < share:
        return Verdict("take", EXPLORED, (*verdict.reasons, Reason(EXPLORED, "pass", value=share)))
    reasons = (*verdict.reasons, Reason(NOT_EXPLORED, "none", value=1.0 - share))
    return Verdict(verdict.decision, verdict.code, reasons)


def draw(user_id: str, decision_id: str) -> float:
    """From 0 to below 1, and the same for the same decision for ever: a replay draws it again."""
    digest = sha256(f"{user_id}\0{decision_id}".encode()).digest()
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
