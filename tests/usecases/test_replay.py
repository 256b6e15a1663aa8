"""Replay: what was decided comes out the same again, or its difference is named."""

from dataclasses import replace
from math import nan
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import decision_row
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.gate import decide
from ml_service.domain.models.ensemble import forecast
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.types import Forecast, Signal, Trade
from ml_service.errors import NotFound
from ml_service.settings.sections import AdaptationSettings
from ml_service.usecases.replay import replay_between, replay_one
from tests.builders import HASH, NOW_MS, SETTINGS, decision, drawn, policy, rejected, signal, taken, thresholds, values
from tests.models import model_record, model_set, set_record, sha256


@pytest.fixture
def store(embedded: Database) -> SqlStore:
    """A store that knows the settings behind the decisions."""
    made = SqlStore(embedded)
    with made.begin() as tx:
        tx.save_settings_document(HASH, SETTINGS.document(), NOW_MS)
    return made


def write(database: Database, *decisions: Any) -> None:
    DirectRecorder(database).record(decisions, 0)


def forge(database: Database, decision_id: str, **columns: Any) -> None:
    """Change a row, and make its hash fit again: only replay can tell."""
    with database.write() as connection:
        where = t.decisions.c.decision_id == decision_id
        row = dict(connection.execute(t.decisions.select().where(where)).mappings().one()) | columns
        from ml_service.adapters.store.codec import row_hash

        connection.execute(update(t.decisions).where(where).values(**columns, row_hash=row_hash(row)))


def differences(store: SqlStore, decision_id: str = "d-1") -> str:
    return "; ".join(replay_one("ada", decision_id, store=store).differences)


SIGNALS = [
    signal("BUY", confidence=0.1 + 0.2, rsi=55.5, macd=0.0123456789, volume=1.23456789e9, change_percent=-2.0000001),
    signal("SELL", confidence=0.9, rsi=30.0, macd=-1e-17, ma_crossover=-0.0, momentum=1e-300),
    signal("HOLD", confidence=0.9),
    signal(None, confidence=0.9),
    signal("BUY"),
    signal("BUY", confidence=1, volume=2_000_000_000),
    Signal("BTCUSDT", "BUY", {"rsi": 50.0}, True, {"signal_id": "s"}, {"deep": {"list": [1, "ä", None, 0.1]}}),
]


def test_every_kind_of_decision_comes_out_the_same(embedded: Database, store: SqlStore) -> None:
    made = [decision(f"d-{number}", judged=one) for number, one in enumerate(SIGNALS)]
    write(embedded, *made)

    replayed = list(replay_between(NOW_MS, NOW_MS + 1, store=store))

    assert len(replayed) == len(SIGNALS)
    assert [one.differences for one in replayed] == [()] * len(SIGNALS)
    assert {one.decision.decision_id: one.decision.verdict for one in replayed} == {
        one.decision_id: one.verdict for one in made
    }


def test_a_decision_under_the_kill_switch_comes_out_the_same(embedded: Database, store: SqlStore) -> None:
    given = signal(confidence=0.9)
    write(embedded, decision(judged=given, killed=True, verdict=decide(given, values(), policy(), killed=True)))

    assert replay_one("ada", "d-1", store=store).equal


def test_a_decision_that_a_model_judged_comes_out_the_same(embedded: Database, store: SqlStore) -> None:
    given, forecast = signal(confidence=0.9), Forecast(0.3, "m", "1")
    write(
        embedded,
        decision(judged=given, forecast=forecast, verdict=decide(given, values(), policy(), forecast=forecast)),
    )

    assert replay_one("ada", "d-1", store=store).equal


def exploring(store: SqlStore, share: float) -> str:
    """The hash of settings that explore, which the store knows."""
    chosen = SETTINGS.model_copy(update={"adaptation": AdaptationSettings(exploration=share)})
    with store.begin() as tx:
        tx.save_settings_document(chosen.hash, chosen.document(), NOW_MS)
    return chosen.hash


def test_what_was_left_to_chance_comes_out_the_same_under_the_settings_of_each(
    embedded: Database, store: SqlStore
) -> None:
    little, much = exploring(store, 0.1), exploring(store, 0.2)
    made = [
        *(rejected(f"off-{number}") for number in range(20)),
        *(drawn(0.1, f"little-{number}", settings_hash=little) for number in range(40)),
        *(drawn(0.2, f"much-{number}", settings_hash=much) for number in range(40)),
    ]
    write(embedded, *made)

    replayed = list(replay_between(NOW_MS, NOW_MS + 1, store=store))

    assert [one.differences for one in replayed] == [()] * len(made)
    assert {(one.settings_hash, one.verdict.code) for one in made} == {
        (HASH, "limit_missed"),
        *((name, code) for name in (little, much) for code in ("explored", "limit_missed")),
    }


def test_an_exploration_that_the_settings_did_not_ask_for_is_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, drawn(1.0, "d-1"))

    assert differences(store) == "verdict: recorded take (explored), now reject (limit_missed)"


def test_a_decision_is_held_against_the_revision_it_used_and_not_against_the_newest(
    embedded: Database, store: SqlStore
) -> None:
    old, new = thresholds(confidence_threshold=0.5), thresholds(revision=2, confidence_threshold=0.99)
    with store.begin() as tx:
        tx.save_thresholds(old)
        tx.save_thresholds(new)
    given = signal(confidence=0.6)
    write(embedded, decision(judged=given, thresholds=old, verdict=decide(given, old.values, policy())))

    assert replay_one("ada", "d-1", store=store).equal


def test_a_changed_row_is_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, rejected("d-1"))
    with embedded.write() as connection:
        connection.execute(update(t.decisions).values(decision="take"))

    assert "the row was changed after it was written" in differences(store)
    assert "verdict: recorded take (limit_missed), now reject (limit_missed)" in differences(store)


def test_a_forged_verdict_whose_hash_fits_is_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, rejected("d-1"))
    forge(embedded, "d-1", decision="take", code="all_passed")

    assert differences(store) == "verdict: recorded take (all_passed), now reject (limit_missed)"


def test_a_forged_input_whose_hash_fits_is_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, taken("d-1"))
    forge(embedded, "d-1", input=orjson.dumps({"values": {"confidence": 0.2}}).decode())

    assert differences(store).startswith("verdict: recorded take")


def test_a_forged_reason_whose_hash_fits_is_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, taken("d-1"))
    result = orjson.loads(decision_row(taken("d-1"))["result"])
    result["limits"] = [0.5, *result["thresholds"][1:]]
    forge(embedded, "d-1", result=orjson.dumps(result).decode())

    assert "verdict" in differences(store)


def test_forged_thresholds_whose_hash_fits_are_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, taken("d-1"))
    result = orjson.loads(decision_row(taken("d-1"))["result"])
    result["thresholds"][1] = 71.0
    forge(embedded, "d-1", result=orjson.dumps(result).decode())

    assert differences(store).startswith("thresholds: recorded")


def test_a_revision_that_is_gone_is_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, decision(thresholds=thresholds(revision=7)))

    assert differences(store) == "no revision 7 of the thresholds for *"


def test_a_revision_that_was_changed_afterwards_is_named(embedded: Database, store: SqlStore) -> None:
    used = thresholds()
    with store.begin() as tx:
        tx.save_thresholds(used)
    write(embedded, decision(thresholds=used))
    with embedded.write() as connection:
        limits = orjson.dumps(values(confidence_threshold=0.99)).decode()
        connection.execute(update(t.thresholds).values(limits=limits))

    assert differences(store).startswith("thresholds: recorded")


def test_settings_that_are_gone_are_named(embedded: Database, store: SqlStore) -> None:
    write(embedded, taken("d-1"))
    with embedded.write() as connection:
        connection.execute(delete(t.settings_documents))

    assert differences(store) == f"no settings document {HASH}"


def test_one_that_differs_does_not_hide_the_others(embedded: Database, store: SqlStore) -> None:
    write(embedded, *(rejected(f"d-{number}") for number in range(5)))
    forge(embedded, "d-3", decision="take")

    told = {one.decision.decision_id: one.equal for one in replay_between(NOW_MS, NOW_MS + 1, store=store)}

    assert told == {"d-0": True, "d-1": True, "d-2": True, "d-3": False, "d-4": True}


def test_a_time_span_ends_before_its_end(embedded: Database, store: SqlStore) -> None:
    write(embedded, *(taken(f"d-{number}", NOW_MS + number) for number in range(4)))

    told = [one.decision.decision_id for one in replay_between(NOW_MS + 1, NOW_MS + 3, store=store)]

    assert told == ["d-1", "d-2"]


def test_a_decision_of_another_user_is_not_found(embedded: Database, store: SqlStore) -> None:
    write(embedded, taken("d-1"))

    with pytest.raises(NotFound):
        replay_one("bob", "d-1", store=store)


# ---- what the models said


MODELS = model_set(
    member_ids=("m-1", "m-2"), weights={"*": (0.4, 0.6), "volatile": (0.9, 0.1)}, graph_sha256=sha256("graph")
)


def forecasts(store: SqlStore, embedded: Database, *, models: ModelSet = MODELS) -> list[Forecast]:
    """Of every side and regime, recorded, with the set behind them."""
    with store.begin() as tx:
        for number, name in enumerate(("m-1", "m-2")):
            tx.save_model(model_record(name, version=number + 1))
        tx.save_set(set_record(models))
    made = []
    for number in range(40):
        side: Trade = "BUY" if number % 2 else "SELL"
        rises = (0.3 + number / 97, nan if number % 5 == 0 else 0.9 - number / 89)
        told = forecast(MODELS, rises, 1.0 + number / 7, side, "volatile" if number % 3 else None)
        assert isinstance(told, Forecast)
        made.append(told)
        given = signal(side, confidence=0.9)
        verdict = decide(given, values(), policy(), forecast=told)
        write(embedded, decision(f"d-{number}", judged=given, forecast=told, model_status="ok", verdict=verdict))
    return made


def test_the_ensemble_comes_out_the_same_from_what_its_members_said(embedded: Database, store: SqlStore) -> None:
    made = forecasts(store, embedded)

    replayed = {one.decision.decision_id: one for one in replay_between(NOW_MS, NOW_MS + 1, store=store)}

    assert [replayed[f"d-{number}"].decision.forecast for number in range(40)] == made
    assert [one.differences for one in replayed.values()] == [()] * 40


def test_a_set_that_weighs_otherwise_than_the_one_that_spoke_is_named(embedded: Database, store: SqlStore) -> None:
    forecasts(store, embedded, models=replace(MODELS, weights={"*": (0.5, 0.5)}))

    assert differences(store, "d-1").startswith("forecast: recorded 0.")


def test_a_member_s_figure_that_was_forged_is_named(embedded: Database, store: SqlStore) -> None:
    forecasts(store, embedded)
    with store.read() as reading:
        found = reading.decision("ada", "d-1")
    assert found is not None
    result = orjson.loads(decision_row(found)["result"])
    result["model"]["members"][0][2] = 0.999
    forge(embedded, "d-1", result=orjson.dumps(result).decode())

    assert differences(store, "d-1").startswith("forecast: recorded")


def test_a_set_that_is_gone_is_named(embedded: Database, store: SqlStore) -> None:
    told = forecast(MODELS, (0.6, 0.7), 1.0, "BUY", None)
    assert isinstance(told, Forecast)
    given = signal(confidence=0.9)
    verdict = decide(given, values(), policy(), forecast=told)
    write(embedded, decision(judged=given, forecast=told, model_status="ok", verdict=verdict))

    assert differences(store) == "no set s-1"
