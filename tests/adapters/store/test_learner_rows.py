"""What a learner is told of a scope's last outcomes."""

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.outcomes import DAY_MS
from tests.builders import NOW_MS, outcome


def quarantined(store: SqlStore) -> int:
    with store.read() as reading:
        return reading.recent("ada", "BTCUSDT").quarantined


def test_what_claims_to_come_from_the_future_stands_where_it_arrived(database: Database, store: SqlStore) -> None:
    ahead = [outcome(f"ahead-{number}", closed_at_ms=NOW_MS + 4_000 * DAY_MS) for number in range(11)]
    DirectRecorder(database).keep(ahead, NOW_MS)
    before = quarantined(store)

    later = [outcome(f"t-{number}", closed_at_ms=NOW_MS + number) for number in range(1, 96)]
    DirectRecorder(database).keep(later, NOW_MS + 1_000)
    meanwhile = quarantined(store)
    DirectRecorder(database).keep([outcome(f"u-{n}", closed_at_ms=NOW_MS + DAY_MS) for n in range(5)], NOW_MS + DAY_MS)

    assert (before, meanwhile, quarantined(store)) == (11, 5, 0)
