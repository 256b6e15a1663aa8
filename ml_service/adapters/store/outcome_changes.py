"""Days whose outcomes were changed after they had been written, for those who keep sums of them."""

from sqlalchemy import Connection, insert

from ml_service.adapters.store import tables as t
from ml_service.domain.outcomes import DAY_MS


def note_changed(connection: Connection, user_id: str, effective_at_ms: int) -> None:
    connection.execute(insert(t.outcome_changes).values(user_id=user_id, day=effective_at_ms // DAY_MS))
