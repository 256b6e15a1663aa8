"""Regimes: what each of them looks like, and that both forms, and any beginning, tell the same."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.domain.market.candles import Candles, candles_from
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.regime_stream import regime_stream
from ml_service.domain.market.regimes import REGIMES, UNKNOWN, RegimePolicy, Regimes, regime_named
from ml_service.errors import InvalidInput
from tests.domain.market.walks import SWING, moody, walk, with_bar, with_prices
from tests.market_data import real_candles

SMALL = RegimePolicy(fast_bars=5, slow_bars=40)


def rounded(candles: Candles, digits: int) -> Candles:
    """Coarse prices: many bars do not move, and many measures are equal."""
    names = ("open", "high", "low", "close")
    return replace(candles, **{name: getattr(candles, name).round(digits) for name in names})


def scaled(candles: Candles, factor: float) -> Candles:
    return replace(candles, **{name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")})


def share_of(regimes: Regimes, regime: str, since: int) -> float:
    return float(np.mean(regimes.code[since:] == REGIMES.index(regime_named(regime))))


@pytest.mark.parametrize(
    ("text", "expected"), [("trending", "trending"), (" Volatile ", "volatile"), ("RANGING", "sideways")]
)
def test_a_regime_is_known_by_its_name_and_by_its_alias(text: str, expected: str) -> None:
    assert regime_named(text) == expected


def test_an_unknown_regime_is_refused_with_what_was_expected() -> None:
    with pytest.raises(InvalidInput, match=r'expected one of trending, .*ranging, found "choppy"'):
        regime_named("choppy")


@pytest.mark.parametrize("policy", [RegimePolicy(), SMALL, RegimePolicy(margin=0.0)])
@pytest.mark.parametrize(
    "candles",
    [
        moody(1_500, seed=1),
        rounded(moody(1_500, seed=2), 0),
        rounded(walk(1_500, seed=3, pace=0.0005), 1),
        with_bar(walk(1_500, seed=4), 700, high=140.0, close=133.0),
        walk(1_500, seed=5, pace=0.0),
        with_prices(SWING),
    ],
    ids=["moody", "coarse", "mostly still", "one great bar", "still", "never clear"],
)
def test_one_bar_at_a_time_tells_the_same_bits_as_all_at_once(candles: Candles, policy: RegimePolicy) -> None:
    step = regime_stream(policy)
    regimes = regimes_of(candles, policy)

    assert [step(candle) for candle in candles.rows()] == [regimes.at(place) for place in range(len(candles))]
    assert (regimes.code[policy.bars_to_rebuild - 1 :] != UNKNOWN).all()


def test_both_forms_agree_on_real_bars_too() -> None:
    candles = real_candles("klines_open/BINANCEUS_BTCUSDT_1m.parquet")[:6_000]
    step, regimes = regime_stream(), regimes_of(candles)

    assert [step(candle) for candle in candles.rows()] == [regimes.at(place) for place in range(len(candles))]


def test_later_bars_change_nothing() -> None:
    candles = moody(2_000)
    whole = regimes_of(candles, SMALL)

    for end in (41, 100, 777, 1_999):
        part = regimes_of(candles[:end], SMALL)
        assert np.array_equal(part.code, whole.code[:end])
        assert np.array_equal(part.confidence, whole.confidence[:end], equal_nan=True)


def test_whoever_saw_only_the_last_bars_tells_the_same_or_nothing() -> None:
    candles = moody(6_000)
    policy = RegimePolicy()
    whole = regimes_of(candles, policy).code
    for start in range(0, 5_000, 25):
        late = regimes_of(candles[start : start + 1_000], policy).code
        known = late != UNKNOWN
        assert np.array_equal(late[known], whole[start : start + 1_000][known])
        assert known[policy.bars_to_rebuild - 1]


def test_once_told_a_regime_is_told_after_every_bar() -> None:
    known = regimes_of(moody(3_000)).code != UNKNOWN

    assert known[np.argmax(known) :].all()


def test_too_few_bars_tell_nothing() -> None:
    for bars in (0, 1, 480):
        regimes = regimes_of(walk(481)[:bars])
        assert len(regimes) == bars
        assert all(regimes.at(place) is None for place in range(bars))


def test_a_market_that_goes_one_way_is_trending() -> None:
    pace = np.repeat([0.002, 0.0008], [600, 200])
    drift = np.repeat([0.0, 0.0015], [600, 200])

    assert share_of(regimes_of(walk(800, pace=pace, drift=drift)), "trending", since=640) == 1.0


def test_a_market_that_moves_more_than_it_did_is_volatile() -> None:
    pace = np.repeat([0.001, 0.004], [600, 100])

    assert share_of(regimes_of(walk(700, pace=pace)), "volatile", since=630) > 0.9


def test_a_market_that_hardly_moves_any_more_consolidates() -> None:
    pace = np.repeat([0.002, 0.0005], [600, 100])

    assert share_of(regimes_of(walk(700, pace=pace)), "consolidation", since=630) > 0.9


def test_a_market_that_swings_as_it_always_did_is_sideways() -> None:
    assert share_of(regimes_of(with_prices(SWING)), "sideways", since=RegimePolicy().bars_to_rebuild - 1) == 1.0


def test_a_market_that_stands_still_consolidates() -> None:
    regimes = regimes_of(with_prices(np.full(600, 7.0)))

    assert share_of(regimes, "consolidation", since=480) == 1.0
    assert regimes.activity[-1] == regimes.efficiency[-1] == regimes.spread[-1] == 0.0


def test_one_great_bar_is_volatile_for_as_long_as_it_is_recent() -> None:
    candles = with_prices(SWING)

    regimes = regimes_of(with_bar(candles, 700, high=1.33 * candles.high[700]))

    assert np.flatnonzero(regimes.code == REGIMES.index("volatile")).tolist() == list(range(700, 724))


def test_the_unit_of_the_price_does_not_matter() -> None:
    candles = moody(3_000)
    regimes = regimes_of(candles)

    assert np.array_equal(regimes.code, regimes_of(scaled(candles, 2.0**20)).code)
    # Another factor rounds prices anew, by less than a millionth of a millionth.
    assert np.mean(regimes.code == regimes_of(scaled(candles, 1e-7)).code) > 0.999


def test_the_margin_keeps_regimes_from_taking_turns() -> None:
    candles = moody(6_000)

    with_margin = np.count_nonzero(np.diff(regimes_of(candles).code))
    without = np.count_nonzero(np.diff(regimes_of(candles, RegimePolicy(margin=0.0)).code))

    assert with_margin < 0.6 * without


def test_confidence_is_a_chance_and_ranks_bars() -> None:
    regimes = regimes_of(moody(20_000))
    known = np.flatnonzero(regimes.code != UNKNOWN)[:-6]
    confidence, stayed = regimes.confidence[known], regimes.code[known] == regimes.code[known + 6]

    assert confidence.min() >= 0.0
    assert confidence.max() <= 1.0
    sure = confidence > np.median(confidence)
    assert stayed[sure].mean() > stayed[~sure].mean() + 0.1


def test_a_price_of_nothing_is_our_own_mistake() -> None:
    candles = with_bar(walk(600), 500, low=0.0)

    with pytest.raises(AssertionError):
        regimes_of(candles)
    with pytest.raises(AssertionError):
        regime_stream()(next(candles_from(list(candles.rows())[500:501]).rows()))
