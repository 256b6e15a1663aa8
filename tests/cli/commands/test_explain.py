"""models explain: what each feature added to each member's figure, from files that were verified first."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.cli.wiring import open_market, open_models
from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.domain.models.calibration import log_odds
from ml_service.domain.models.record import ModelRecord
from ml_service.domain.types import Action, Forecast, MemberFigure
from ml_service.features.schema import SCHEMA
from ml_service.learning.trainers import trainer
from ml_service.learning.trainers.spec import Wishes
from ml_service.settings import load_settings
from ml_service.usecases.take_candles import LiveFeatures, take_candles
from tests.builders import taken
from tests.candles import BTC, walk
from tests.cli.desk import Type, store_of
from tests.learning.examples import planted
from tests.models import Finished, Registry, finished

SIDES: dict[str, Action] = {"bought": "BUY", "sold": "SELL"}
SMALL: dict[str, dict[str, float]] = {"logistic": {}, "xgboost": {"trees": 5}, "forest": {"trees": 5}}


@pytest.fixture(scope="module")
def models() -> list[Finished]:
    found = []
    for name, parameters in SMALL.items():
        native = trainer(name).fit(planted(400), None, Wishes(parameters=parameters)).native()
        found.append(replace(finished("real", name), native=native))
    return found


@pytest.fixture
def registry(folder: Path, models: list[Finished]) -> Registry:
    """A decision of each side, `bought` and `sold`, that the three models spoke on."""
    settings = load_settings()
    with open_models(settings) as tools, open_market(settings) as market:
        take_candles(BTC, walk(600), market=market, store=tools.store, live=LiveFeatures(), now_ms=tools.now_ms())
        info = market.info(BTC)
        assert info is not None
        assert info.last_ms is not None
        row = market.rows_of(BTC, info.last_ms)[-1]
        made = Registry(tools.store, tools.shelf, key=tools.signing_key)
        record = made.register("real", *models)
    used = FeaturesUsed(BTC, row.opened_at_ms, row.schema_hash, row.set_id, "ready")
    heard = tuple(MemberFigure(name, 1, 0.6, weight) for name, weight in zip(SMALL, (0.5, 0.3, 0.2), strict=True))
    forecast = Forecast(0.61, record.set_id, "1", None, heard, 0.0, 1.0)
    database, _ = store_of(settings)
    DirectRecorder(database).record(
        [
            taken(name, action=action)._replace(forecast=forecast, model_status="ok", features=used)
            for name, action in SIDES.items()
        ],
        0,
    )
    database.close()
    return made


def test_contributions_come_to_what_each_member_says_and_turn_with_the_side(typed: Type, registry: Registry) -> None:
    bought, sold = (json.loads(typed("models", "explain", one, "--user", "ada", "--json").out) for one in SIDES)

    logistic, boosted, forest = bought["members"]
    for member in (logistic, boosted):
        parts = member["contributions"]
        assert {part["feature"] for part in parts} == set(SCHEMA.names)
        assert member["before"] + sum(part["log_odds"] for part in parts) == pytest.approx(member["log_odds"], abs=1e-4)
        sizes = [abs(part["log_odds"]) for part in parts]
        assert sizes == sorted(sizes, reverse=True)
    assert (forest["type"], forest["contributions"], forest["before"]) == ("forest", None, None)
    assert [one["weight"] for one in bought["members"]] == [0.5, 0.3, 0.2]
    assert [one["log_odds"] for one in sold["members"]] == [-one["log_odds"] for one in bought["members"]]
    assert sold["members"][0]["contributions"][0]["log_odds"] == -logistic["contributions"][0]["log_odds"]


@pytest.mark.usefixtures("registry")
def test_they_are_told_in_lines(typed: Type) -> None:
    lines = typed("models", "explain", "bought", "--user", "ada").out.splitlines()

    assert lines[0].startswith("BUY BTCUSDT, decision bought: chance 0.610 that it pays, by set ")
    assert any(line.startswith("xgboost v1, weight 0.300: chance 0.600, log odds ") for line in lines)
    assert sum(line.split()[:2] == ["17", "others"] for line in lines) == 2
    assert any("tells no contributions" in line for line in lines)


def test_nothing_is_opened_that_was_changed(typed: Type, registry: Registry, folder: Path) -> None:
    (model, *_) = stored(registry)
    assert model.native is not None
    (folder / "shelf" / model.native.sha256[:2] / model.native.sha256).write_bytes(b"another file")
    damaged = typed("models", "explain", "bought", "--user", "ada")
    (folder / "signing.key").write_bytes(b"another key, of somebody else")
    foreign = typed("models", "explain", "bought", "--user", "ada")

    assert (damaged.status, foreign.status) == (1, 1)
    assert f"file {model.native.sha256} was changed" in damaged.err
    assert "expected the signature of key" in foreign.err


def stored(registry: Registry) -> list[ModelRecord]:
    with registry.store.read() as reading:
        (newest,) = reading.model_sets(None, None, 1).items
        return reading.models_of_set(newest.set_id)


@pytest.mark.usefixtures("registry")
def test_a_decision_of_somebody_else_is_not_found_and_a_job_is_opened_once(typed: Type) -> None:
    first, again = (typed("models", "explain", "bought", "--user", "ada", "--job").out.strip() for _ in range(2))

    assert typed("models", "explain", "bought", "--user", "bob").err.startswith("not_found: no decision 'bought'")
    assert again == f"{first} (asked for already)"


def test_the_log_odds_are_those_of_the_member_itself(typed: Type, registry: Registry, models: list[Finished]) -> None:
    told = json.loads(typed("models", "explain", "bought", "--user", "ada", "--json").out)

    parts = {part["feature"]: part["value"] for part in told["members"][0]["contributions"]}
    row = [[[float("nan") if parts[name] is None else parts[name] for name in SCHEMA.names]]]
    for model, member in zip(models, told["members"], strict=True):
        (rise,) = trainer(model.slot.model_type).opened(model.native).rises(np.array(row, np.float32))
        assert member["log_odds"] == pytest.approx(log_odds(float(rise)), abs=1e-5)


def test_another_model_in_the_place_of_a_member_is_refused(typed: Type, registry: Registry) -> None:
    first, *_ = stored(registry)
    database, _ = store_of(load_settings())
    with database.write() as connection:
        connection.execute(
            update(t.model_set_members).where(t.model_set_members.c.model_id == first.model_id).values(position=9)
        )
    database.close()

    refused = typed("models", "explain", "bought", "--user", "ada")

    assert refused.err.startswith("model_refused: set ")
    assert "expected the members" in refused.err
