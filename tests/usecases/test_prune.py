"""Pruning: old rows go in small batches, and one decision of each episode stays."""

from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.idempotency import IdempotencyTable
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.retention import SqlRetention
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.job import Job
from ml_service.ports import Period
from ml_service.usecases.prune import DAY_MS, HOUR_MS, Ages, prune
from tests.builders import NOW_MS, decision, outcome, rejected, signal, taken

AGES = Ages(
    decisions_days=30,
    episodes_days=730,
    outcomes_days=None,
    events_days=7,
    idempotency_hours=24,
    batch_rows=500,
    horizon_minutes=720,
)
HORIZON_MS = 720 * 60_000
OLD = (NOW_MS - 40 * DAY_MS) // HORIZON_MS * HORIZON_MS
"""The beginning of a horizon that is old enough to be thinned."""


def write(database: Database, *decisions: Any) -> None:
    # One of today as well, so that the clock is believed.
    DirectRecorder(database).record([*decisions, taken("today")], 0)


def left(database: Database) -> set[str]:
    with SqlStore(database).read() as reading:
        items = reading.decisions("ada", Period(), None, 1000).items
    return {one.decision_id for one in items} - {"today"}


def rows(database: Database, table: Any) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def go(database: Database, now_ms: int = NOW_MS, **ages: Any) -> dict[str, int]:
    given = {name: getattr(AGES, name) for name in AGES.__slots__} | ages
    return prune(Ages(**given), retention=SqlRetention(database), now_ms=now_ms)


# Decisions


def test_of_an_old_episode_its_first_take_stays(database: Database) -> None:
    write(
        database,
        rejected("reject-1", OLD + 1),
        taken("take-1", OLD + 2),
        taken("take-2", OLD + 3),
        rejected("reject-2", OLD + 4),
    )

    go(database)

    assert left(database) == {"take-1"}


def test_of_an_old_episode_without_a_take_its_first_decision_stays(database: Database) -> None:
    write(database, *(rejected(f"reject-{number}", OLD + number) for number in range(5)))

    go(database)

    assert left(database) == {"reject-0"}


def test_every_symbol_side_and_horizon_is_an_episode_of_its_own(database: Database) -> None:
    write(
        database,
        *(taken(f"buy-{number}", OLD + number) for number in range(3)),
        *(taken(f"sell-{number}", OLD + number, action="SELL") for number in range(3)),
        *(taken(f"eth-{number}", OLD + number, "ETHUSDT") for number in range(3)),
        *(taken(f"next-{number}", OLD + HORIZON_MS + number) for number in range(3)),
    )

    go(database)

    assert left(database) == {"buy-0", "sell-0", "eth-0", "next-0"}


def test_every_user_has_episodes_of_their_own(database: Database) -> None:
    write(
        database,
        *(decision(f"d-{number}", user_id=user, at_ms=OLD + number) for user in ("ada", "bob") for number in range(3)),
    )

    go(database)

    with SqlStore(database).read() as reading:
        assert len(reading.decisions("bob", Period(), None, 100).items) == 1
    assert left(database) == {"d-0"}


def test_what_an_outcome_belongs_to_stays(database: Database) -> None:
    write(database, *(taken(f"d-{number}", OLD + number) for number in range(5)))
    DirectRecorder(database).keep([outcome(decision_id="d-3")], NOW_MS)

    go(database)

    assert left(database) == {"d-0", "d-3"}


def test_the_outcome_of_another_user_keeps_nothing(database: Database) -> None:
    write(database, *(taken(f"d-{number}", OLD + number) for number in range(3)))
    write(database, decision("d-2", user_id="bob", at_ms=OLD))
    DirectRecorder(database).keep([outcome(user_id="bob", decision_id="d-2")], NOW_MS)

    go(database)

    assert left(database) == {"d-0"}


def test_what_is_young_stays_whole(database: Database) -> None:
    young = NOW_MS - 29 * DAY_MS
    write(database, *(taken(f"d-{number}", young + number) for number in range(5)))

    go(database)

    assert len(left(database)) == 5


def test_a_horizon_is_thinned_only_once_it_is_over_and_old(database: Database) -> None:
    edge = (NOW_MS - 30 * DAY_MS) // HORIZON_MS * HORIZON_MS
    write(database, *(taken(f"d-{number}", edge + number) for number in range(3)))

    go(database)

    assert len(left(database)) == 3


def test_the_kept_ones_go_as_well_in_the_end(database: Database) -> None:
    write(database, taken("ancient", NOW_MS - 800 * DAY_MS), taken("old", OLD))

    go(database)

    assert left(database) == {"old"}


def test_a_thinned_decision_leaves_its_id_free(database: Database) -> None:
    write(database, *(taken(f"d-{number}", OLD + number) for number in range(3)))

    go(database)

    assert rows(database, t.decision_keys) == rows(database, t.decisions) == 2


def test_pruning_twice_takes_nothing_more(database: Database) -> None:
    write(database, *(taken(f"d-{number}", OLD + number) for number in range(5)))
    go(database)
    before = left(database)

    go(database)

    assert left(database) == before


def test_what_stays_comes_out_the_same_as_before(database: Database) -> None:
    write(database, decision("d-0", at_ms=OLD, judged=signal(confidence=0.1 + 0.2)), rejected("d-1", OLD + 1))

    go(database)

    with SqlStore(database).read() as reading:
        found = reading.decision("ada", "d-0")
        assert found is not None
        assert reading.is_untouched(found)


def test_a_clock_that_has_run_ahead_does_not_make_everything_old(database: Database) -> None:
    write(database, *(taken(f"d-{number}", NOW_MS - number) for number in range(5)))

    go(database, now_ms=NOW_MS + 400 * DAY_MS)

    assert len(left(database)) == 5


# The rest


def test_outcomes_are_kept_for_ever_by_default(database: Database) -> None:
    DirectRecorder(database).keep([outcome(source="import", closed_at_ms=NOW_MS - 3000 * DAY_MS)], NOW_MS)

    go(database)

    assert rows(database, t.outcomes) == 1


def test_outcomes_go_by_age_where_the_settings_say_so_and_their_keys_stay(database: Database) -> None:
    DirectRecorder(database).keep(
        [
            outcome("old", source="import", closed_at_ms=NOW_MS - 400 * DAY_MS),
            outcome("young", closed_at_ms=NOW_MS - 10 * DAY_MS),
        ],
        NOW_MS,
    )

    go(database, outcomes_days=365)

    assert (rows(database, t.outcomes), rows(database, t.outcome_keys)) == (1, 2)


def test_events_go_once_they_are_handled_and_old(database: Database) -> None:
    DirectRecorder(database).keep([outcome(f"t-{number}") for number in range(3)], NOW_MS)
    with database.write() as connection:
        ids = connection.execute(select(t.events.c.id).order_by(t.events.c.id)).scalars().all()
        for event_id, handled in ((ids[0], NOW_MS - 8 * DAY_MS), (ids[1], NOW_MS - 6 * DAY_MS)):
            connection.execute(update(t.events).where(t.events.c.id == event_id).values(handled_at_ms=handled))

    told = go(database)

    assert told["events"] == 1
    assert rows(database, t.events) == 2


def test_idempotency_keys_go_after_a_day(database: Database) -> None:
    keys = IdempotencyTable(database, 24)
    keys.claim("ada", "old", "h", NOW_MS - 25 * HOUR_MS)
    keys.claim("ada", "young", "h", NOW_MS - 23 * HOUR_MS)

    told = go(database)

    assert told["idempotency"] == 1
    assert rows(database, t.idempotency) == 1


@pytest.mark.parametrize("batch_rows", [1, 3, 500])
def test_small_batches_come_to_the_same_end(database: Database, batch_rows: int) -> None:
    write(database, *(taken(f"d-{number}", OLD + number) for number in range(10)))
    DirectRecorder(database).keep([outcome(f"t-{number}", closed_at_ms=OLD) for number in range(10)], OLD)

    told = go(database, batch_rows=batch_rows, outcomes_days=30)

    assert left(database) == {"d-0"}
    assert told["outcomes"] == 10
    assert rows(database, t.outcomes) == 0


def test_it_stops_between_two_batches_when_it_may_not_go_on(database: Database) -> None:
    DirectRecorder(database).keep([outcome(f"t-{number}", closed_at_ms=OLD) for number in range(10)], OLD)
    answers = iter([True] * 7)

    prune(
        Ages(30, 730, 30, 7, 24, 3),
        retention=SqlRetention(database),
        now_ms=NOW_MS,
        may_go_on=lambda: next(answers, False),
    )

    assert 0 < rows(database, t.outcomes) < 10


def test_an_empty_store_has_nothing_to_prune(database: Database) -> None:
    assert set(go(database).values()) == {0}


def test_old_jobs_and_shadow_results_go_and_what_has_not_ended_stays(database: Database) -> None:
    write(database)
    old_ms = NOW_MS - 181 * DAY_MS
    with SqlStore(database).begin() as tx:
        for name, ended in (("old", old_ms), ("young", NOW_MS), ("open", None)):
            tx.save_job(Job(name, "train", created_at_ms=old_ms, ended_at_ms=ended))
    with database.write() as connection:
        for days in (0, 89, 91, 92):
            connection.execute(
                insert(t.shadow_test_results).values(
                    model_id="m-1",
                    user_id="ada",
                    decision_id=f"d-{days}",
                    decided_at_ms=NOW_MS - days * DAY_MS,
                    probability=0.5,
                )
            )

    gone = go(database, batch_rows=1)

    assert (gone["jobs"], gone["shadow_results"]) == (1, 2)
    assert rows(database, t.jobs) == 2
    assert rows(database, t.shadow_test_results) == 2
