"""How long it takes to work out the 25 market features, all bars at once and bar by bar.

    python -m benchmarks.features

On one core, on made-up bars in which everything moves and every bar tells its order book.
"""

import time
from collections.abc import Callable
from functools import partial

import talib

from benchmarks.measuring import spread, table
from ml_service.domain.market.candles import Candles
from ml_service.features import FEATURES, rows
from ml_service.features.spec import Feature
from tests.features.series import lively

BARS = 1_000_000
STREAMED_BARS = 10_000
ROUNDS = 5


def main() -> None:
    candles = lively(BARS, step=0.001)
    streamed = list(candles[:STREAMED_BARS].rows())
    print(f"Medians of {ROUNDS} rounds with their spread; {BARS:,} bars at once, {STREAMED_BARS:,} bar by bar.\n")
    told = [
        [
            feature.name,
            speed(milliseconds(partial(feature.batch, candles)), BARS),
            spread(microseconds_a_bar(feature.stream, streamed), "{:.2f}"),
        ]
        for feature in FEATURES.values()
    ]
    at_once = milliseconds(lambda: rows.table(candles))
    by_bar = microseconds_a_bar(lambda: rows.Live().step, streamed)
    told.append(["all 25, as a table and as live rows", speed(at_once, BARS), spread(by_bar, "{:.1f}")])
    print(table(("feature", "million rows/s", "µs a bar"), told))
    print()
    print(table(("the technical nine", "ms a million rows"), against_talib(candles)))


def against_talib(candles: Candles) -> list[list[str]]:
    """In turns, so that both meet the machine in the same moods."""
    nine = [feature for feature in FEATURES.values() if feature.group == "technical"]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        ours.append(taken(lambda: by_us(nine, candles)))
        theirs.append(taken(lambda: by_talib(candles)))
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    return [["ours", spread(ours)], ["TA-Lib", spread(theirs)], ["ratio", spread(ratios, "{:.2f}")]]


def by_us(nine: list[Feature], candles: Candles) -> None:
    for feature in nine:
        feature.batch(candles)


def by_talib(candles: Candles) -> None:
    """Its own nine, in raw prices: what makes them free of scale is our own expense."""
    high, low, close = candles.high, candles.low, candles.close
    talib.RSI(close, 14)
    talib.MACD(close, 12, 26, 9)
    talib.BBANDS(close, 20)
    talib.STOCHF(high, low, close, fastk_period=14, fastd_period=1)
    talib.WILLR(high, low, close, 14)
    talib.CCI(high, low, close, 20)
    talib.ATR(high, low, close, 14)
    talib.MOM(close, 10)
    talib.ROC(close, 10)


def speed(times: list[float], bars: int) -> str:
    return spread([bars / time_ms / 1000.0 for time_ms in times], "{:.1f}")


def milliseconds(work: Callable[[], object]) -> list[float]:
    work()
    return [taken(work) for _ in range(ROUNDS)]


def microseconds_a_bar(fresh, streamed) -> list[float]:
    def pass_through() -> None:
        step = fresh()
        for candle in streamed:
            step(candle)

    return [1000.0 * one / len(streamed) for one in milliseconds(pass_through)]


def taken(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000.0


if __name__ == "__main__":
    main()
