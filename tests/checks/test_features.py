"""What must be true of every feature and of every indicator, the next one included."""

import importlib
import pkgutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ml_service import features
from ml_service.domain.market.candles import COLUMNS, Candles, Floats, candles_from, joined
from ml_service.features import FEATURES
from ml_service.features.indicators import INDICATORS
from ml_service.features.spec import Feature
from tests.features.series import all_series, fading, lively, rows_of, scaled
from tests.market_data import HOURS_OF_BTC, real_candles

MEMBERS = (*FEATURES.values(), *INDICATORS.values())
SERIES = tuple(all_series())
every_feature = pytest.mark.parametrize("feature", MEMBERS, ids=[member.name for member in MEMBERS])

AGREEMENT = 1e-9
IDENTITY = 1e-12
"""The same bars in the same form: what differs by more depends on something else."""
LAST = 20


def differing(found: Floats, expected: Floats, scale: float, tolerance: float = AGREEMENT) -> list[int]:
    """Bars at which one is missing and the other is not, or that lie further apart than rounding explains."""
    apart = np.abs(found - expected) > tolerance * np.maximum(np.abs(expected), scale)
    return np.flatnonzero(apart | (np.isnan(found) != np.isnan(expected))).tolist()


def scale_of(feature: Feature, values: Floats) -> float:
    """What is small for this feature: prices of 1e-6 must agree as closely as an RSI."""
    if feature.scale_free:
        return 1.0
    known = np.abs(values[np.isfinite(values)])
    return float(known.mean()) if known.size else 1.0


def peeks(feature: Feature, candles: Candles) -> list[int]:
    """Bars whose value depends on later ones: it changes where the series ends earlier, or goes on differently."""
    whole = feature.batch(candles)
    scale = scale_of(feature, whole)
    size = len(candles)
    found: set[int] = set()
    for end in (size // 7, size // 3, size // 2, size - size // 5, size - 1):
        past = candles[:end]
        future = joined([past, unlike(candles[end:])])
        for other in (feature.batch(past), feature.batch(future)[:end]):
            found.update(differing(other, whole[:end], scale, IDENTITY))
    return sorted(found)


def unlike(candles: Candles) -> Candles:
    """Other prices, other volumes, a book on the other side."""
    changed = scaled(candles, 3.0, 7.0)
    return replace(changed, bid_top=changed.ask_top, ask_top=changed.bid_top, bid_ten=changed.ask_ten)


@cache
def whole(feature_name: str, name: str) -> Floats:
    feature = next(member for member in MEMBERS if member.name == feature_name)
    values = feature.batch(all_series()[name])
    values.flags.writeable = False
    return values


def test_every_file_of_the_shelf_is_in_its_table_of_contents() -> None:
    files = [one.name for one in pkgutil.walk_packages(features.__path__, f"{features.__name__}.") if not one.ispkg]

    found = [importlib.import_module(file).__dict__.get("FEATURE") for file in files]

    assert {id(member) for member in found if member is not None} == {id(member) for member in MEMBERS}


def test_every_feature_has_a_name_of_its_own_and_its_file_bears_it() -> None:
    names = [member.name for member in MEMBERS]

    assert len(set(names)) == len(names)
    assert all(shelf[name].name == name for shelf in (FEATURES, INDICATORS) for name in shelf)
    for name in names:
        room = "ml_service.features" if name in FEATURES else "ml_service.features.indicators"
        assert importlib.import_module(f"{room}.{name}").FEATURE.name == name


@every_feature
def test_bar_by_bar_it_tells_what_it_tells_for_all_bars_at_once(feature: Feature) -> None:
    for name in SERIES:
        expected = whole(feature.name, name)

        step = feature.stream()
        found = np.array([step(candle) for candle in rows_of(name)])

        assert differing(found, expected, scale_of(feature, expected)) == [], name


@every_feature
def test_it_never_looks_ahead(feature: Feature) -> None:
    assert {name: bars for name in SERIES if (bars := peeks(feature, all_series()[name]))} == {}


@every_feature
def test_it_is_finite_or_missing(feature: Feature) -> None:
    for name in SERIES:
        values = whole(feature.name, name)

        assert values.shape == (len(all_series()[name]),)
        assert values.dtype == np.float64
        assert not np.isinf(values).any(), name
        assert np.isnan(values[: feature.warm_up]).all(), name


@every_feature
def test_it_is_known_from_the_end_of_its_warm_up_on(feature: Feature) -> None:
    values = whole(feature.name, "lively")

    assert np.isfinite(values[feature.warm_up :]).all()
    assert values.size > feature.warm_up


@every_feature
def test_it_is_more_than_a_constant(feature: Feature) -> None:
    known = whole(feature.name, "lively")[feature.warm_up :]

    assert np.unique(known).size > 1


@every_feature
def test_the_bars_that_it_says_suffice_are_enough(feature: Feature) -> None:
    """Where this fails for an average that remembers everything, `settling` is to be told: see `settling_of`."""
    if feature.settling is None:
        return
    needed = feature.warm_up + feature.settling + LAST
    for series in (lively, fading):
        candles = series(300 + needed)

        values = feature.batch(candles)
        tail = feature.batch(candles[-needed:])

        assert differing(tail[-LAST:], values[-LAST:], scale_of(feature, values)) == [], series.__name__


@every_feature
def test_two_that_run_at_once_do_not_meet(feature: Feature) -> None:
    rows = rows_of("troubled")
    half = len(rows) // 2

    first = feature.stream()
    begun = [first(candle) for candle in rows[:half]]
    second = feature.stream()
    other = [second(candle) for candle in rows]
    ended = [first(candle) for candle in rows[half:]]

    assert np.array_equal(begun + ended, other, equal_nan=True)


@every_feature
def test_it_is_free_of_scale_where_it_says_so(feature: Feature) -> None:
    if not feature.scale_free:
        return
    # Among prices that hardly move, only a power of two leaves every digit as it was.
    scales = [("lively", 1_000.0, 1.0), ("lively", 1.0, 1e6), ("lively", 1e-9, 1e-6)]
    scales += [(name, 2.0**power, 2.0**-power) for name in ("troubled", "still") for power in (-30, 30)]
    for name, prices, volumes in scales:
        found = feature.batch(scaled(all_series()[name], prices, volumes))

        assert differing(found, whole(feature.name, name), 1.0) == [], (name, prices, volumes)


@every_feature
def test_it_says_that_it_is_not_free_of_scale_only_where_it_is_not(feature: Feature) -> None:
    found = feature.batch(scaled(all_series()["lively"], 2.0, 2.0))

    assert feature.scale_free == (differing(found, whole(feature.name, "lively"), 1.0) == [])


@every_feature
def test_it_leaves_the_candles_as_they_are(feature: Feature) -> None:
    candles = all_series()["troubled"][:]
    for column in COLUMNS:
        getattr(candles, column).flags.writeable = False
    before = [getattr(candles, column).copy() for column in COLUMNS]

    values = feature.batch(candles)

    assert all(np.array_equal(getattr(candles, c), b, equal_nan=True) for c, b in zip(COLUMNS, before, strict=True))
    assert not any(np.shares_memory(values, getattr(candles, column)) for column in COLUMNS)


@every_feature
def test_no_candle_gives_no_value_and_few_give_what_a_stream_gives(feature: Feature) -> None:
    assert feature.batch(candles_from(())).shape == (0,)
    for bars in (1, 2, 3, feature.warm_up, feature.warm_up + 1):
        rows = rows_of("lively")[:bars]
        step = feature.stream()

        found = feature.batch(candles_from(rows))

        assert differing(found, np.array([step(candle) for candle in rows]), scale_of(feature, found)) == []


def test_no_feature_peeks_in_all_hours_of_bitcoin() -> None:
    candles = real_candles(HOURS_OF_BTC)

    found = {member.name: peeks(member, candles)[:3] for member in MEMBERS}

    assert {name: bars for name, bars in found.items() if bars} == {}


def test_bar_by_bar_and_all_at_once_agree_on_the_hours_of_bitcoin() -> None:
    candles = real_candles(HOURS_OF_BTC)[-4_000:]
    rows = list(candles.rows())

    for member in MEMBERS:
        expected = member.batch(candles)
        step = member.stream()
        found = np.array([step(candle) for candle in rows])
        assert differing(found, expected, scale_of(member, expected)) == [], member.name


def one_bar_ahead(candles: Candles) -> Floats:
    return np.append(np.diff(np.log(candles.close)), np.nan)[: len(candles)]


def over_the_mean_of_all(candles: Candles) -> Floats:
    usual: Floats = np.mean(candles.close, keepdims=True)
    return candles.close / usual


def centred(candles: Candles) -> Floats:
    mean: Floats = np.convolve(candles.close, np.full(5, 0.2), mode="same")
    return candles.close / mean - 1.0


def filled_from_behind(candles: Candles) -> Floats:
    """Only where the book is missing does it take the next one that is told."""
    known = np.flatnonzero(~np.isnan(candles.best_bid))
    following = np.searchsorted(known, np.arange(len(candles)))
    source = known[np.minimum(following, known.size - 1)]
    taken: Floats = candles.best_bid[source] / candles.close[source]
    return taken


def ranked_among_all(candles: Candles) -> Floats:
    places: Floats = np.argsort(np.argsort(candles.close)) / len(candles)
    return places


@pytest.mark.parametrize("batch", [one_bar_ahead, over_the_mean_of_all, centred, filled_from_behind, ranked_among_all])
def test_a_planted_leak_is_caught(batch) -> None:
    def untouched():
        raise AssertionError("only the batch form can leak")

    planted = Feature("planted", "price", 0, batch, untouched)

    assert peeks(planted, all_series()["troubled"]) != []


def test_a_leak_of_one_digit_among_many_is_caught() -> None:
    def batch(candles: Candles) -> Floats:
        own = FEATURES["rsi"].batch(candles)
        return own + 1e-8 * np.append(np.diff(candles.close), 0.0)[: own.size]

    planted = replace(FEATURES["rsi"], batch=batch)

    assert peeks(planted, lively()) != []
