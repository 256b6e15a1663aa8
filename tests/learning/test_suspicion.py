"""Suspicion: features known in time raise none, shifted into the future they do; a shelf that looks ahead is caught."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.domain.market.candles import Candles, Floats
from ml_service.domain.market.settlement import Costs
from ml_service.features.rows import table
from ml_service.features.schema import SCHEMA
from ml_service.learning.dataset import Dataset
from ml_service.learning.from_candles import from_candles
from ml_service.learning.labels import Label
from ml_service.learning.suspicion import model_suspicions, suspicions
from tests.candles import HOUR_MS, walk
from tests.market_data import HOURS_OF_BTC, real_candles

LONG = 20_000
"""What forgets a bar by little needs more of them."""
BARS = 6_000
OF_PRICES = ("log_return", "rsi", "momentum", "roc", "cci", "stochastic_k", "mean_distance_5", "bollinger_percent_b")


def made(candles: Candles) -> Dataset:
    return from_candles(candles, HOUR_MS, Label(12), Costs()).dataset


def shifted(known: Dataset, name: str, bars: int) -> Dataset:
    rows = known.rows.copy()
    column = known.schema.names.index(name)
    rows[:-bars, column] = known.rows[bars:, column]
    rows[-bars:, column] = np.nan
    return replace(known, rows=rows)


def test_a_random_walk_raises_none() -> None:
    assert suspicions(made(walk(BARS))) == ()


def test_real_prices_raise_none() -> None:
    assert suspicions(made(real_candles(HOURS_OF_BTC)[-BARS:])) == ()


@pytest.mark.parametrize("bars", [1, 6])
@pytest.mark.parametrize("name", OF_PRICES)
def test_a_feature_of_prices_that_is_shifted_into_the_future_is_named(name: str, bars: int) -> None:
    found = suspicions(shifted(made(walk(BARS)), name, bars))

    assert [said.split()[0] for said in found] == [name]


@pytest.mark.parametrize("name", ["volume_ratio_5", "volume_ratio_20"])
def test_a_feature_of_volumes_that_is_shifted_is_named_on_real_data(name: str) -> None:
    known = made(real_candles(HOURS_OF_BTC)[-BARS:])

    assert [said.split()[0] for said in suspicions(shifted(known, name, 1))] == [name]


@pytest.mark.parametrize("name", ["volatility_20", "range_20", "volume_share_5_60", "atr"])
def test_a_slow_feature_of_size_that_is_shifted_is_named_on_real_data(name: str) -> None:
    known = made(real_candles(HOURS_OF_BTC)[-LONG:])

    assert suspicions(known) == ()
    assert [said.split()[0] for said in suspicions(shifted(known, name, 1))] == [name]


def test_a_shelf_that_looks_ahead_is_caught_whatever_the_feature_says(monkeypatch: pytest.MonkeyPatch) -> None:
    known_in_time = table

    def ahead(candles: Candles) -> Floats:
        found = known_in_time(candles)
        column = SCHEMA.names.index("volatility_20")
        found[:-1, column] = found[1:, column]
        return found

    assert from_candles(walk(900), HOUR_MS, Label(12), Costs()).changed_later == ()
    monkeypatch.setattr("ml_service.learning.from_candles.table", ahead)
    assert from_candles(walk(900), HOUR_MS, Label(12), Costs()).changed_later == ("volatility_20",)


def test_a_model_that_is_too_good_is_doubted() -> None:
    assert model_suspicions([("xgboost", 0.95), ("forest", 0.61), ("lstm", float("nan"))]) == (
        "xgboost has an AUC of 0.950 on rows it has not seen: on prices, that is a leak until shown otherwise",
    )
