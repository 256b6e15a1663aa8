"""Which set of models served a symbol at a moment of the past."""

from ml_service.domain.models.champions import Reign
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.slots import fall_back
from ml_service.ports import Store


def who_served(symbol: str, regime: str | None, at_ms: int, *, store: Store) -> tuple[Reign, SetRecord] | None:
    """None where none did: there was none, or all had expired by then."""
    with store.read() as reading:
        for place in fall_back(symbol, regime):
            reign = reading.reign_at(place, at_ms)
            if reign is None or reign.set_id is None:
                continue
            record = reading.model_set(reign.set_id)
            assert record is not None, "a set that served is never deleted"
            if record.expires_at_ms is None or at_ms < record.expires_at_ms:
                return reign, record
    return None
