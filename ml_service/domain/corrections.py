"""Corrections: an outcome that puts an earlier one right. Of one trade, one outcome counts at any time."""

from collections.abc import Sequence

from ml_service.domain.outcomes import Outcome, StoredOutcome


def objection(correction: Outcome, original: Outcome | None, corrected_by: str | None, is_circle: bool) -> str | None:
    """Why a correction cannot be taken; None when it can, or has to wait for its original."""
    if correction.trade_id == correction.corrects:
        return "an outcome cannot correct itself"
    if corrected_by is not None:
        return f"{correction.corrects!r} was corrected by {corrected_by!r} already; correct that one"
    if original is not None and original.symbol != correction.symbol:
        return f"expected the symbol of {correction.corrects!r}, {original.symbol}, found {correction.symbol}"
    if is_circle:
        return f"{correction.corrects!r} is itself a correction of {correction.trade_id!r}"
    return None


def stand_ins(chain: Sequence[StoredOutcome]) -> list[str | None]:
    """For each outcome of a chain, the original first, the trade_id of the next that took its place; None for the
    one that counts: the last that nobody doubts, else the original. What waits in quarantine takes nobody's place."""
    standing = [position for position, one in enumerate(chain) if not one.is_quarantined]
    counts = standing[-1] if standing else 0
    return [
        None if position == counts else chain[next_standing(position, standing, counts)].outcome.trade_id
        for position in range(len(chain))
    ]


def next_standing(position: int, standing: Sequence[int], counts: int) -> int:
    return next((later for later in standing if later > position), counts)


def takes_decision_of(correction: StoredOutcome, before: StoredOutcome) -> bool:
    """A correction that names no decision of its own belongs to the one that its original belongs to."""
    named = correction.outcome.decision_id is not None or correction.outcome.signal_id is not None
    return not named and before.match != "none" and correction.matched_decision_id != before.matched_decision_id
