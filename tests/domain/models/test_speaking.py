"""Who speaks: the nearest set that can, and otherwise what hindered it."""

from dataclasses import replace
from typing import Any

from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import Place
from ml_service.domain.models.speaking import NOBODY, Question, Serving, question
from ml_service.features.schema import SCHEMA
from tests.builders import NOW_MS
from tests.candles import BTC
from tests.models import model_set

OWN, SYMBOL, ALL = Place("BTCUSDT", "volatile"), Place("BTCUSDT"), Place()
ROW = FeaturesUsed(BTC, NOW_MS - 60_000, SCHEMA.hash, "row", "ready", regime="volatile")


def sets(*places: Place, **fields: Any) -> dict[Place, ModelSet]:
    return {place: model_set("/".join(place), place=place, **fields) for place in places}


def told(serving: Serving, row: FeaturesUsed | None = ROW) -> str:
    made = question(serving, "BTCUSDT", row, NOW_MS)
    return made.models.set_id if isinstance(made, Question) else made


def test_the_nearest_place_speaks() -> None:
    assert told(Serving(sets(OWN, SYMBOL, ALL))) == "BTCUSDT/volatile"
    assert told(Serving(sets(SYMBOL, ALL))) == "BTCUSDT/*"
    assert told(Serving(sets(ALL))) == "*/*"
    assert told(Serving(sets(Place("ETHUSDT")))) == "none"


def test_a_row_without_a_regime_is_spoken_for_by_the_symbol() -> None:
    assert told(Serving(sets(OWN, SYMBOL)), replace(ROW, regime=None)) == "BTCUSDT/*"


def test_an_expired_set_makes_way_for_the_next_place() -> None:
    expired = sets(OWN, expires_at_ms=NOW_MS)

    assert told(Serving({**expired, **sets(ALL)})) == "*/*"
    assert told(Serving(expired)) == "expired"
    assert told(Serving(sets(OWN, expires_at_ms=NOW_MS + 1))) == "BTCUSDT/volatile"


def test_where_nobody_can_speak_it_says_what_hindered_the_nearest() -> None:
    expired = sets(SYMBOL, expires_at_ms=NOW_MS)

    assert told(Serving(expired, {OWN: "refused"})) == "refused"
    assert told(Serving(expired, {ALL: "refused"})) == "expired"
    assert told(Serving(sets(ALL), {OWN: "refused"})) == "*/*"


def test_only_a_fresh_row_of_the_set_s_schema_is_put_to_it() -> None:
    serving = Serving(sets(OWN, SYMBOL))

    assert told(serving, None) == "no_features"
    assert told(serving, replace(ROW, status="stale", regime=None)) == "stale_features"
    assert told(serving, replace(ROW, schema_hash="another")) == "foreign_schema"


def test_without_any_set_nothing_else_is_asked() -> None:
    assert told(NOBODY, None) == told(NOBODY, replace(ROW, status="stale")) == "none"
