"""Let old rows go, by the ages that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass

from ml_service.ports import Market, Retention

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Ages:
    decisions_days: int
    episodes_days: int
    outcomes_days: int | None
    events_days: int
    idempotency_hours: int
    batch_rows: int
    horizon_minutes: int = 720
    jobs_days: int = 180
    shadow_results_days: int = 90


def prune(
    ages: Ages, *, retention: Retention, now_ms: int, may_go_on: Callable[[], bool] = lambda: True
) -> dict[str, int]:
    """Rows that went (or were looked at), by kind. `may_go_on` is asked between batches."""
    rows = ages.batch_rows
    now_ms = believed(now_ms, retention)
    horizon_ms = ages.horizon_minutes * 60_000
    steps: dict[str, Callable[[], int]] = {
        "decisions_looked_at": lambda: retention.thin_decisions(
            now_ms - ages.decisions_days * DAY_MS, horizon_ms, rows
        ),
        "decisions": lambda: retention.drop_decisions(now_ms - ages.episodes_days * DAY_MS, rows),
        "events": lambda: retention.drop_events(now_ms - ages.events_days * DAY_MS, rows),
        "jobs": lambda: retention.drop_jobs(now_ms - ages.jobs_days * DAY_MS, rows),
        "shadow_results": lambda: retention.drop_shadow_results(now_ms - ages.shadow_results_days * DAY_MS, rows),
        "idempotency": lambda: retention.drop_idempotency(now_ms - ages.idempotency_hours * HOUR_MS, rows),
    }
    if ages.outcomes_days is not None:
        oldest_ms = now_ms - ages.outcomes_days * DAY_MS
        steps["outcomes"] = lambda: retention.drop_outcomes(oldest_ms, rows)
    return {name: until_done(step, may_go_on) for name, step in steps.items()}


def prune_feature_rows(
    ages: Ages, *, market: Market, retention: Retention, now_ms: int, may_go_on: Callable[[], bool] = lambda: True
) -> int:
    """Rows go with the whole decisions that name them; candles stay, and tell them again to the ninth digit."""
    before_ms = believed(now_ms, retention) - ages.decisions_days * DAY_MS
    return until_done(lambda: market.drop_feature_rows(before_ms, ages.batch_rows), may_go_on)


def believed(now_ms: int, retention: Retention) -> int:
    """A clock that has run ahead must not make everything look old."""
    newest_ms = retention.newest_ms()
    return now_ms if newest_ms is None else min(now_ms, newest_ms + DAY_MS)


def until_done(step: Callable[[], int], may_go_on: Callable[[], bool]) -> int:
    total = 0
    while may_go_on() and (gone := step()) > 0:
        total += gone
    return total
