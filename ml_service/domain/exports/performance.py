"""Performance as a table: one row for each UTC day that had outcomes, told from the day before it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ml_service.domain.exports.table import Row, Table, columns
from ml_service.domain.performance.amounts import Amounts
from ml_service.domain.performance.returns import finite
from ml_service.domain.performance.tally import Tally


@dataclass(frozen=True, slots=True)
class Standing:
    """What the days so far came to. None while no such figure is known."""

    pnl: float | None = None
    r: float | None = None
    equity: float | None = None
    """What one unit became that went whole into each trade."""
    peak: float = 1.0


@dataclass(frozen=True, slots=True)
class ToldDay:
    number: int
    """Days since 1970-01-01, UTC."""
    tally: Tally
    standing: Standing
    """At its end."""


def after(before: Standing, tally: Tally) -> Standing:
    day = tally.taken
    equity = before.equity
    if day.percent.known:
        equity = (1.0 if equity is None else equity) * day.growth
    return Standing(
        pnl=added(before.pnl, day.pnl),
        r=added(before.r, day.r),
        equity=equity,
        peak=max(before.peak, equity) if equity is not None else before.peak,
    )


def added(before: float | None, amounts: Amounts) -> float | None:
    return (before or 0.0) + amounts.total if amounts.known else before


def rows(told: ToldDay) -> Iterator[Row]:
    day, rejected, standing = told.tally.taken, told.tally.rejected, told.standing
    known = day.percent.known > 0
    yield (
        told.number,
        day.trades,
        day.wins,
        day.losses,
        day.ties,
        total(day.pnl),
        total(day.r),
        finite(100.0 * (day.growth - 1.0)) if known else None,
        finite(standing.pnl) if standing.pnl is not None else None,
        finite(standing.r) if standing.r is not None else None,
        finite(standing.equity) if standing.equity is not None else None,
        drawdown_percent(standing),
        day.quarantined,
        rejected.trades,
        total(rejected.r),
        told.tally.corrected,
    )


def total(amounts: Amounts) -> float | None:
    return finite(amounts.total) if amounts.known else None


def drawdown_percent(standing: Standing) -> float | None:
    if standing.equity is None:
        return None
    return finite(100.0 * (1.0 - standing.equity / standing.peak))


TABLE = Table(
    name="performance",
    columns=columns(
        date="date",
        trades="whole",
        wins="whole",
        losses="whole",
        ties="whole",
        pnl="number",
        r="number",
        return_percent="number",
        cumulated_pnl="number",
        cumulated_r="number",
        equity="number",
        drawdown_percent="number",
        quarantined="whole",
        rejected="whole",
        rejected_r="number",
        corrected="whole",
    ),
    rows=rows,
)
