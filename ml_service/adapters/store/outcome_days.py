"""Which days of outcomes have changed: a stamp per user and day, new with every change to a row of that day.

Whoever has worked something out from the rows of a day keeps the stamp beside it, and knows by it whether it still
holds. A stamp is random instead of counted: a database that was restored from a backup, and went another way from
there, does not come by the same one again.
"""

import secrets

from sqlalchemy import Connection

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.upserts import insert_or_replace
from ml_service.domain.outcomes import DAY_MS

STAMP_BITS = 62
"""Always a whole number of the database, which has 64 bits with its sign."""

CHANGED = "changed_days"


def note_changed(connection: Connection, user_id: str, effective_at_ms: int) -> None:
    """For whoever inserts, updates or deletes an outcome, in the same transaction."""
    connection.get_execution_options()[CHANGED].add((user_id, effective_at_ms // DAY_MS))


def stamp_changed(connection: Connection) -> None:
    """The last step of a transaction: on PostgreSQL, others who change the same day wait from here to the commit."""
    # One order for all, or two transactions could wait for each other.
    days = sorted(connection.get_execution_options()[CHANGED])
    if not days:
        return
    connection.execute(
        insert_or_replace(connection, t.outcome_days),
        [{"user_id": user_id, "day": day, "stamp": secrets.randbits(STAMP_BITS)} for user_id, day in days],
    )
