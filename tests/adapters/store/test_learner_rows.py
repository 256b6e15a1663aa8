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


def test_an_absurd_outcome_that_was_put_right_is_no_reason_to_stand_still(database: Database, store: SqlStore) -> None:
    absurd = [outcome(f"t-{number}", pnl_percent=5000.0) for number in range(12)]
    right = [outcome(f"r-{number}", pnl_percent=5.0, corrects=f"t-{number}") for number in range(12)]
    recorder = DirectRecorder(database)
    recorder.keep(absurd, NOW_MS)
    before = quarantined(store)

    recorder.keep(right[:5], NOW_MS)

    assert (before, quarantined(store)) == (12, 7)


def test_an_absurd_correction_is_a_doubt_like_any_other(database: Database, store: SqlStore) -> None:
    DirectRecorder(database).keep(
        [outcome("o", pnl_percent=5.0), outcome("c", pnl_percent=5000.0, corrects="o")], NOW_MS
    )

    assert quarantined(store) == 1


def test_only_what_counts_measures_a_unit_of_risk(database: Database, store: SqlStore) -> None:
    wrong, right = outcome("o", pnl_percent=90.0), outcome("c", pnl_percent=0.9, corrects="o")

    DirectRecorder(database).keep([wrong, right, outcome("t", pnl_percent=-1.0)], NOW_MS)

    with store.read() as reading:
        assert sorted(reading.recent("ada", "BTCUSDT").percents) == [-1.0, 0.9]
