"""Which thresholds served a user's symbol at a moment of the past."""

from ml_service.domain.thresholds import bounded, policy_from
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Thresholds
from ml_service.domain.view import default_thresholds
from ml_service.ports import Store


def as_of(user_id: str, symbol: str, at_ms: int, *, policy: GatePolicy, settings_hash: str, store: Store) -> Thresholds:
    with store.read() as reading:
        then = reading.settings_at(at_ms)
        if then is not None:
            settings_hash, policy = then[0], policy_from(then[1])
        own = reading.thresholds_at(user_id, symbol, at_ms) or reading.thresholds_at(user_id, ANY_SYMBOL, at_ms)
    if own is None:
        return default_thresholds(user_id, policy, settings_hash)
    return bounded(own, policy)
