"""replay: every decision again, and each that differs by name."""

import pytest

from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.domain.types import Decision
from ml_service.settings import load_settings
from tests.builders import NOW_MS, decision, rejected, taken
from tests.cli.desk import Type, store_of


def record(*decisions: Decision) -> None:
    settings = load_settings()
    database, store = store_of(settings)
    with store.begin() as tx:
        tx.save_settings_document(settings.hash, settings.document(), NOW_MS)
    DirectRecorder(database).record(decisions, 0)
    database.close()


def ours(made: Decision) -> Decision:
    return made._replace(settings_hash=load_settings().hash)


def test_replay_executes_every_decision_again(typed: Type) -> None:
    typed("migrate")
    record(*(ours(decision(f"d-{number}", at_ms=NOW_MS + number)) for number in range(7)))

    ended = typed("replay", "--since", "2026-09-01", "--until", "2026-10-01")

    assert (ended.status, ended.out) == (0, "7 decisions executed again, 0 came out differently\n")


def test_replay_names_every_one_that_differs(typed: Type) -> None:
    typed("migrate")
    record(ours(taken("good")), ours(rejected("forged")))
    database, _ = store_of(load_settings())
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE decisions SET decision = 'take' WHERE decision_id = 'forged'")
    database.close()

    ended = typed("replay", "--since", "2026-09-01", "--until", "2026-10-01")

    assert ended.status == 1
    assert "ada  forged" in ended.out
    assert "good" not in ended.out
    assert "2 decisions executed again, 1 came out differently" in ended.out


def test_replay_looks_back_as_far_as_it_is_told(typed: Type) -> None:
    typed("migrate")
    record(ours(taken("old")))

    assert typed("replay", "--since", "24h").out.startswith("0 decisions")


def test_replay_without_decisions_is_no_failure(typed: Type) -> None:
    assert typed("replay").status == 0


@pytest.mark.parametrize("since", ["soon", "24", "-5h", "24hours", ""])
def test_a_time_that_makes_no_sense_is_refused(typed: Type, since: str) -> None:
    ended = typed("replay", "--since", since)

    assert ended.status == 2
    assert "Traceback" not in ended.err
