"""P3b: while PostgreSQL is away, outcomes are kept in the local journal and drained without loss or double."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from tests.ports import is_free
from tests.safety.callers import (
    Caller,
    Reporters,
    assert_each_counted_once,
    await_health,
    kept_in,
    outcome,
    until,
)
from tests.servers import PostgresServer, TroubledProxy
from tests.service import Service
from tests.troubled_proxy import Mode

TROUBLES = [mode for mode in get_args(Mode) if mode != "ok"]
ACKNOWLEDGED_MIN = 30
KILLS = [1, pytest.param(15, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]


@dataclass(frozen=True, slots=True)
class House:
    """The service, what stands between it and PostgreSQL, and the database's own address."""

    service: Service
    proxy: TroubledProxy
    url: str


@pytest.fixture
def house(tmp_path: Path, postgres: PostgresServer, postgres_url: str) -> Iterator[House]:
    with TroubledProxy(postgres.port) as proxy:
        through = postgres_url.replace(f":{postgres.port}/", f":{proxy.port}/")
        with Service(tmp_path, DATABASE_URL=through, ML_SERVICE__SERVER__WORKERS="2") as service:
            await_health(service)
            yield House(service, proxy, postgres_url)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_outcomes_are_kept_in_the_journal_and_arrive_once(house: House, trouble: Mode) -> None:
    service = house.service
    with Reporters(service, 2) as reporters, Caller(service) as caller:
        await_acknowledgements(reporters)
        house.proxy.mode = trouble
        until(lambda: reported_to(caller, reporters) == "journal", 10.0, "writing to the journal")
        await_acknowledgements(reporters)
        # The listed ones as well, each with its own answer.
        status, told = caller.report([outcome(f"listed-{trouble}-{number}", 2.0) for number in range(3)])
        house.proxy.mode = "ok"
        await_acknowledgements(reporters)
    await_health(service)

    assert status == 200
    assert [(result["status"], result["stored"]) for result in told["data"]["results"]] == [("created", "journal")] * 3
    listed = {result["trade_id"]: 2.0 for result in told["data"]["results"]}
    assert not reporters.refused
    assert_each_counted_once(kept_in(house.url), reporters.sent | listed, reporters.acknowledged | listed)


@pytest.mark.parametrize("kills", KILLS)
def test_outcomes_in_the_journal_survive_the_kill_of_every_process_while_postgres_is_away(
    house: House, kills: int
) -> None:
    service = house.service
    with Reporters(service, 3) as reporters:
        await_acknowledgements(reporters)
        house.proxy.mode = "refused"
        for _ in range(kills):
            await_acknowledgements(reporters)
            service.kill()
            until(lambda: is_free(service.port), 5.0, "ended to the last process")
            service.start()
        await_acknowledgements(reporters)
        # The last kill falls into the draining.
        house.proxy.mode = "ok"
        service.kill()
        until(lambda: is_free(service.port), 5.0, "ended to the last process")
        service.start()
    await_health(service)

    assert_each_counted_once(kept_in(house.url), reporters.sent, reporters.acknowledged)


def test_a_repeat_of_an_outcome_that_still_waits_in_the_journal_is_a_duplicate_and_another_body_a_conflict(
    house: House,
) -> None:
    with Caller(house.service) as caller:
        known = caller.report(outcome("known", 4.0))[1]["data"]
        house.proxy.mode = "refused"
        first = caller.report(outcome("waiting", 1.0))[1]["data"]
        # Several times, so that each of the two web workers is asked.
        repeats = [other_connection(house).report(outcome("waiting", 1.0)) for _ in range(6)]
        others = [other_connection(house).report(outcome("waiting", 9.0)) for _ in range(6)]
        listed = caller.report([outcome("waiting", 1.0), outcome("waiting", 9.0)])[1]["data"]["results"]
        # What the database has and the journal does not know is taken once more, and sorted out when draining.
        known_again = caller.report(outcome("known", 4.0))[1]["data"]
        house.proxy.mode = "ok"
        healing = set()
        while healing_goes_on(caller):
            healing.add(other_connection(house).report(outcome("waiting", 1.0))[0])
        await_health(house.service)
        later = caller.report(outcome("waiting", 1.0))[1]["data"]
        later_other = caller.report(outcome("waiting", 9.0))
    kept = kept_in(house.url)

    assert (known["status"], known["stored"]) == ("created", "database")
    assert (first["status"], first["stored"], first["duplicate"]) == ("created", "journal", False)
    again = {**first, "status": "duplicate", "duplicate": True}
    assert repeats == [(200, {"success": True, "data": again})] * 6
    assert [status for status, _ in others] == [409] * 6
    assert {told["code"] for _, told in others} == {"trade_id_conflict"}
    assert [result["status"] for result in listed] == ["duplicate", "conflict"]
    assert known_again["stored"] == "journal"
    assert healing <= {200}
    assert later == {**again, "stored": "database"}
    assert later_other[0] == 409
    assert sorted(kept.rows) == [("known", 4.0), ("waiting", 1.0)]
    assert kept.effects == {"known": 1, "waiting": 1}
    assert not kept.conflicts


def test_an_outcome_of_the_journal_that_contradicts_the_database_is_kept_in_sight(house: House) -> None:
    with Caller(house.service) as caller:
        caller.report(outcome("trade", 4.0))
        # A busy machine may have sent it to the journal.
        await_health(house.service)
        house.proxy.mode = "refused"
        taken = caller.report(outcome("trade", -4.0))
        house.proxy.mode = "ok"
        await_health(house.service)
    kept = kept_in(house.url)

    assert taken[0] == 200
    assert taken[1]["data"]["stored"] == "journal"
    assert kept.rows == [("trade", 4.0)]
    assert kept.effects == {"trade": 1}
    assert kept.conflicts == ["trade"]


def healing_goes_on(caller: Caller) -> bool:
    return bool(caller.call("GET", "/health")[1]["data"]["degraded"])


def reported_to(caller: Caller, reporters: Reporters) -> str:
    """Where an outcome reported now is kept."""
    trade_id = f"probe-{len(reporters.sent)}-{len(reporters.acknowledged)}"
    reporters.sent[trade_id] = 1.0
    status, told = caller.report(outcome(trade_id, 1.0))
    assert status == 200, told
    reporters.acknowledged[trade_id] = 1.0
    return str(told["data"]["stored"])


def await_acknowledgements(reporters: Reporters) -> None:
    enough = len(reporters.acknowledged) + ACKNOWLEDGED_MIN
    until(lambda: len(reporters.acknowledged) >= enough, 30.0, "under load again")


def other_connection(house: House) -> Caller:
    return Caller(house.service)
