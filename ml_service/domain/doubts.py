"""Why an outcome waits in quarantine, in terms that somebody can check: what was expected, and what was found."""

from dataclasses import dataclass

from ml_service.domain.outcomes import AGE_MS_MAX, DAY_MS, FUTURE_MS_MAX, PNL_PERCENT_MAX, R_MAX, StoredOutcome


@dataclass(frozen=True, slots=True)
class Doubt:
    field: str
    expected: str
    found: float | int | None
    """Milliseconds, where the field is a time."""


def doubt(stored: StoredOutcome) -> Doubt | None:
    """None where nobody doubts it."""
    outcome = stored.outcome
    match stored.quarantined:
        case "pnl_percent_implausible":
            return Doubt("pnl_percent", f"at most {PNL_PERCENT_MAX:g} either way", outcome.pnl_percent)
        case "risk_multiple_implausible":
            return Doubt("r", f"at most {R_MAX:g} either way", stored.r(None))
        case "from_the_future":
            latest = max(at for at in (outcome.opened_at_ms, outcome.closed_at_ms) if at is not None)
            field = "closed_at" if latest == outcome.closed_at_ms else "opened_at"
            return Doubt(field, f"at most {FUTURE_MS_MAX // 1000} s after received_at", latest)
        case "too_old":
            days = AGE_MS_MAX // DAY_MS
            return Doubt("closed_at", f"at most {days} days before received_at", outcome.closed_at_ms)
    return None
