"""The report of a set or a model over the store: whose predictions it is made of."""

import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.models.sets import Member
from ml_service.domain.types import Forecast, MemberFigure, ModelStatus
from ml_service.errors import NotFound
from ml_service.usecases.model_report import FoundReport, model_report
from tests.builders import NOW_MS, outcome, taken
from tests.models import model_record, model_set, reign, set_record

HOUR_MS = 3_600_000
MEMBERS = (Member("m-1", "xgboost", 1), Member("m-2", "lstm", 1))


@pytest.fixture(autouse=True)
def registered(store: SqlStore) -> None:
    """m-1 speaks in both sets, m-2 in the first; the first serves, then the second."""
    both = model_set("s-1", 1, ("m-1", "m-2"), members=MEMBERS)
    with store.begin() as tx:
        tx.save_model(model_record())
        tx.save_model(model_record("m-2", model_type="lstm"))
        tx.save_set(set_record(both))
        tx.save_set(set_record(model_set("s-2", 2)))
        first = reign(None, "s-1", NOW_MS)
        assert tx.save_reign(first)
        assert tx.save_reign(reign(first, "s-2", NOW_MS + 3 * HOUR_MS))


def speak(embedded: Database, hour: int, set_id: str, *figures: float, pnl: float = 1.0) -> None:
    at_ms = NOW_MS + hour * HOUR_MS
    heard = tuple(MemberFigure(one.model_type, 1, p, 0.5) for one, p in zip(MEMBERS, figures, strict=False))
    forecast = Forecast(0.6, set_id, "1", None, heard, 0.0, 1.0)
    recorder = DirectRecorder(embedded)
    recorder.record([taken(f"d-{hour}", at_ms)._replace(forecast=forecast, model_status="ok")], 0)
    recorder.keep([outcome(f"t-{hour}", pnl=pnl, decision_id=f"d-{hour}", closed_at_ms=at_ms + 1)], at_ms + 2)


def be_silent(embedded: Database, hour: int, status: ModelStatus) -> None:
    made = taken(f"silent-{hour}", NOW_MS + hour * HOUR_MS + 5)
    DirectRecorder(embedded).record([made._replace(model_status=status)], 0)


def ask(store: SqlStore, id_: str, hours: int = 10) -> FoundReport:
    return model_report(id_, since_ms=NOW_MS, until_ms=NOW_MS + hours * HOUR_MS, store=store)


def test_a_set_is_told_by_its_own_predictions(embedded: Database, store: SqlStore) -> None:
    speak(embedded, 1, "s-1", 0.7, 0.4)
    speak(embedded, 2, "s-1", 0.8, 0.3, pnl=-1.0)
    speak(embedded, 4, "s-2", 0.9)

    told = ask(store, "s-1")

    assert (told.kind, told.sets, told.report.episodes) == ("set", ("s-1",), 2)
    assert told.report.whole is not None
    assert told.report.whole.score.base_rate == 0.5
    assert [one.name.model_type for one in told.report.members] == ["xgboost", "lstm"]
    assert ask(store, "s-1", hours=2).report.episodes == 1


def test_a_model_is_told_by_every_set_it_spoke_in(embedded: Database, store: SqlStore) -> None:
    speak(embedded, 1, "s-1", 0.7, 0.4)
    speak(embedded, 4, "s-2", 0.9)

    first, second = ask(store, "m-1"), ask(store, "m-2")

    assert (first.kind, first.sets, first.report.episodes) == ("model", ("s-1", "s-2"), 2)
    assert (second.sets, second.report.episodes, second.report.whole) == (("s-1",), 1, None)
    (member,) = second.report.members
    assert member.standing is not None
    assert member.standing.score.rows == 1


def test_silence_is_that_of_the_time_in_which_it_served(embedded: Database, store: SqlStore) -> None:
    speak(embedded, 1, "s-1", 0.7, 0.4)
    be_silent(embedded, 2, "stale_features")
    be_silent(embedded, 4, "expired")

    assert ask(store, "s-1").report.statuses == {"ok": 1, "stale_features": 1}
    assert ask(store, "s-2").report.statuses == {"expired": 1}
    assert ask(store, "m-1").report.statuses == {"ok": 1, "stale_features": 1, "expired": 1}


def test_a_set_whose_document_is_damaged_is_told_by_its_decisions(embedded: Database, store: SqlStore) -> None:
    speak(embedded, 1, "s-1", 0.7, 0.4)
    with embedded.write() as connection:
        connection.execute(update(t.model_sets).values(document="no document"))

    told = ask(store, "s-1")

    assert [one.name.model_type for one in told.report.members] == ["xgboost", "lstm"]
    assert told.report.proposal is None


def test_what_is_neither_a_model_nor_a_set_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound, match="no model or set 'nobody'"):
        ask(store, "nobody")
