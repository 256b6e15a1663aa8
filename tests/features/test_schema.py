"""The schema tells one kind of row from another, and says by name what differs."""

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.market.candles import Stream
from ml_service.features import FEATURES
from ml_service.features.schema import SCHEMA, Schema, feature_set_id, objection, schema_of

STREAM = Stream("binance", "BTCUSDT", "1m")
OPENED_MS = 1_700_000_040_000
VALUES = (1.0, nan, -0.5)


def without(*names: str) -> Schema:
    return schema_of({name: feature for name, feature in FEATURES.items() if name not in names})


def test_the_schema_lists_all_25_in_the_order_of_their_groups() -> None:
    groups = [FEATURES[name].group for name in SCHEMA.names]

    assert groups == ["price"] * 5 + ["volume"] * 5 + ["book"] * 6 + ["technical"] * 9
    assert schema_of(dict(FEATURES)) == SCHEMA
    assert objection(SCHEMA, SCHEMA) is None


def test_the_schema_is_the_one_that_rows_were_stored_with() -> None:
    """Whoever changes a feature changes this line too, and knows that models must be trained anew."""
    assert (SCHEMA.version, SCHEMA.hash) == (1, "36bc31b450470af9")


def test_what_is_missing_or_not_expected_is_named() -> None:
    assert objection(SCHEMA, without("rsi", "macd")) == "feature schema: missing: rsi, macd"
    assert objection(without("cci"), SCHEMA) == "feature schema: not expected: cci"
    assert objection(without("cci"), without("roc")) == "feature schema: missing: roc; not expected: cci"


def test_another_order_is_refused_with_the_first_place_that_differs() -> None:
    features = dict(FEATURES)
    features["spread"] = features.pop("spread")

    assert (
        objection(SCHEMA, schema_of(features))
        == "feature schema: order: expected spread in place 10, found book_imbalance_top"
    )


def test_a_column_that_stands_there_twice_is_refused() -> None:
    twice = replace(SCHEMA, names=(*SCHEMA.names, "rsi"), hash="other")

    assert objection(SCHEMA, twice) == "feature schema: order: expected 25 columns, found 26"


def test_other_parameters_are_refused() -> None:
    longer = schema_of({**FEATURES, "rsi": replace(FEATURES["rsi"], parameters={"bars": 21})})

    assert longer.names == SCHEMA.names
    assert objection(SCHEMA, longer) == f"feature schema: parameters: expected hash {SCHEMA.hash}, found {longer.hash}"


def test_another_version_is_refused_also_where_all_else_is_alike() -> None:
    newer = schema_of(FEATURES, SCHEMA.version + 1)

    assert newer.hash != SCHEMA.hash
    assert objection(SCHEMA, newer) == "feature schema: version: expected 1, found 2"
    assert objection(SCHEMA, replace(SCHEMA, version=2)) == "feature schema: version: expected 1, found 2"


def test_the_order_in_which_parameters_are_written_down_does_not_matter() -> None:
    parameters = dict(sorted(FEATURES["macd"].parameters.items()))
    turned = {**FEATURES, "macd": replace(FEATURES["macd"], parameters=parameters)}

    assert list(parameters) != list(FEATURES["macd"].parameters)
    assert schema_of(turned) == SCHEMA


def test_the_same_snapshot_always_has_the_same_id() -> None:
    known = feature_set_id(STREAM, OPENED_MS, SCHEMA.hash, VALUES)

    assert known == feature_set_id(STREAM, OPENED_MS, SCHEMA.hash, list(VALUES))
    assert known == feature_set_id(STREAM, OPENED_MS, SCHEMA.hash, (1.0, inf - inf, -0.5))
    assert feature_set_id(STREAM, 0, "", (0.0,)) == feature_set_id(STREAM, 0, "", (-0.0,))
    assert len(known) == 32


def test_whatever_differs_makes_another_id() -> None:
    ids = [
        feature_set_id(STREAM, OPENED_MS, SCHEMA.hash, VALUES),
        feature_set_id(STREAM._replace(venue="bybit"), OPENED_MS, SCHEMA.hash, VALUES),
        feature_set_id(STREAM._replace(symbol="BTC", interval="USDT 1m"), OPENED_MS, SCHEMA.hash, VALUES),
        feature_set_id(STREAM._replace(symbol="BTC USDT", interval="1m"), OPENED_MS, SCHEMA.hash, VALUES),
        feature_set_id(STREAM, OPENED_MS + 1, SCHEMA.hash, VALUES),
        feature_set_id(STREAM, OPENED_MS, "other", VALUES),
        feature_set_id(STREAM, OPENED_MS, SCHEMA.hash, VALUES[:2]),
        feature_set_id(STREAM, OPENED_MS, SCHEMA.hash, (1.0, -0.5, nan)),
    ]

    assert len(set(ids)) == len(ids)


@given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=5), st.integers(0, 4))
def test_the_last_digit_of_any_value_makes_another_id(values: list[float], place: int) -> None:
    place %= len(values)
    other = list(values)
    other[place] = 1.0 if other[place] != 1.0 else 1.0 + 2**-52

    assert feature_set_id(STREAM, 0, "", values) != feature_set_id(STREAM, 0, "", other)


def test_a_schema_is_a_value() -> None:
    with pytest.raises(AttributeError):
        SCHEMA.version = 2  # type: ignore[misc]
