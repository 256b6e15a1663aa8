"""Read outcomes from the bot's own trades table, from where the last reading stopped."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_service.domain.outcomes import FUTURE_MS_MAX, completed
from ml_service.errors import InvalidInput
from ml_service.ports import ImportedRow, Recorder, Store, TradesTable

CURSOR = "trades_table"
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Imported:
    rows: int
    created: int
    refused: tuple[str, ...]


def import_trades(*, trades: TradesTable, recorder: Recorder, store: Store, now_ms: int) -> Imported:
    """Everything that is new. Outcomes first, then the cursor: after a crash in between, rows are read again
    and count once."""
    with store.read() as reading:
        position = reading.cursor(CURSOR)
    if position is not None:
        position = trades.rewound(position)
    total = Imported(0, 0, ())
    while True:
        rows = list(trades.rows_after(position, ROWS_AT_ONCE))
        if not rows:
            return total
        position = rows[-1].position
        batch = take_in(rows, recorder, now_ms)
        total = Imported(total.rows + batch.rows, total.created + batch.created, total.refused + batch.refused)
        reached = [row.position for row in rows if is_past(row, now_ms)]
        if reached:
            with store.begin() as tx:
                tx.save_cursor(CURSOR, reached[-1])
        if len(rows) < ROWS_AT_ONCE:
            return total


def is_past(row: ImportedRow, now_ms: int) -> bool:
    """A row that tells no time, or one that has not come yet, must not carry the cursor beyond the next trades."""
    closed_at_ms = row.outcome.closed_at_ms if row.outcome is not None else None
    return closed_at_ms is not None and closed_at_ms <= now_ms + FUTURE_MS_MAX


def take_in(rows: Sequence[ImportedRow], recorder: Recorder, now_ms: int) -> Imported:
    outcomes, refused = [], []
    for row in rows:
        if row.outcome is None:
            refused.append(f"{row.position}: {row.complaint}")
            continue
        try:
            outcomes.append(completed(row.outcome))
        except InvalidInput as error:
            refused.append(f"{row.position}: {error}")
    receipts = recorder.keep(outcomes, now_ms) if outcomes else []
    created = sum(receipt.status in ("created", "quarantined") for receipt in receipts)
    return Imported(len(rows), created, tuple(refused))
