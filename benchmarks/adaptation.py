"""What adaptation is worth, on made-up markets whose best thresholds are known, and on candles.

    python -m benchmarks.adaptation [--worlds 60] [--family usual] [--quick]
    python -m benchmarks.adaptation --candles FOLDER

A gain is counted in what signals are truly worth, without their noise; Sharpe ratio and drawdown are of results.
"""

import argparse
import itertools
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks import worlds
from benchmarks.lives import Life, Year, lived
from benchmarks.measuring import spread, table
from benchmarks.worlds import FAMILIES, FEATURES, Matrix, raw
from ml_service.domain import gate
from ml_service.domain.adaptation import Anchored, anchored
from ml_service.domain.parameters import PARAMETERS
from tests.builders import policy, signal

RESAMPLES = 2_000
ROUNDS = 101

Figure = Literal["capture", "gain", "loss", "worst tenth", "Sharpe", "drawdown"]
UNITS: dict[Figure, str] = {"capture": " %", "gain": " R", "loss": " %", "worst tenth": " R", "drawdown": " R"}


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach, or may not exceed; a lower bound is that of its interval."""

    figure: Figure
    limit: float
    lower_bound: bool = False

    def __str__(self) -> str:
        name = f"lower bound of {self.figure}" if self.lower_bound else self.figure
        sign = "≤" if self.figure in ("loss", "drawdown") else "≥"
        return f"{name} {sign} {self.limit:g}{UNITS.get(self.figure, '')}"

    def is_met(self, years: Sequence[Year]) -> bool:
        if self.lower_bound:
            return interval(self.figure, years)[0] >= self.limit
        found = figure_of(self.figure, years)
        return found <= self.limit if self.figure in ("loss", "drawdown") else found >= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    life: Life
    bars: tuple[Bar, ...] = ()
    shown: Figure | None = None
    """The figure with its interval; that of the first bar where there is one."""


IN_NOISE = (Bar("gain", 0.0), Bar("gain", -1.0, lower_bound=True), Bar("worst tenth", -10.0))
ROWS = (
    Row(
        "stationary",
        Life(worlds.stationary),
        (Bar("capture", 50.0), Bar("capture", 45.0, lower_bound=True), Bar("Sharpe", 4.2), Bar("drawdown", 35.0)),
    ),
    Row("stationary, overlapping", Life(worlds.stationary, overlap=True), (Bar("capture", 42.0),)),
    Row(
        "switch",
        Life(worlds.switching),
        (Bar("capture", 16.0), Bar("capture", 12.0, lower_bound=True), Bar("worst tenth", -5.0)),
    ),
    Row("switch, told the regime", Life(worlds.switching, options={"regimes": 3}), (Bar("capture", 25.0),)),
    Row("drift", Life(worlds.drifting), (Bar("capture", 26.0),)),
    Row("collapse", Life(worlds.collapsing), (Bar("capture", 36.0),)),
    Row("already right", Life(worlds.rightly_set), (Bar("loss", 1.0),)),
    Row("already right, overlapping", Life(worlds.rightly_set, overlap=True), (Bar("loss", 2.0),)),
    Row("noise", Life(worlds.pure_noise), IN_NOISE),
    Row("noise, overlapping", Life(worlds.pure_noise, overlap=True), IN_NOISE),
    Row("sparse", Life(worlds.stationary, signals_per_day=4), (Bar("gain", -0.5),)),
    Row(
        "sparse, linked keys",
        Life(worlds.stationary, signals_per_day=4, linked=True),
        (Bar("gain", 0.0, lower_bound=True),),
    ),
    Row("accepted only, already right", Life(worlds.rightly_set, rejected_known=False), (Bar("loss", 2.0),)),
    Row("accepted only, switch", Life(worlds.switching, rejected_known=False), (Bar("gain", -1.0),)),
    Row("stationary, by the score", Life(worlds.stationary, options={"utility": "score"}), shown="capture"),
    Row("already right, by the score", Life(worlds.rightly_set, options={"utility": "score"}), shown="loss"),
    Row("noise, by the score", Life(worlds.pure_noise, options={"utility": "score"}), shown="gain"),
    Row("the documents' formula, already right", Life(worlds.rightly_set, formula=True), shown="loss"),
    Row("the documents' formula, stationary", Life(worlds.stationary, formula=True), shown="loss"),
)
HEAD = (
    "world",
    "required",
    "measured (95 %)",
    "",
    "worst tenth, R",
    "Sharpe",
    "drawdown, R",
    "over static, R",
    "over always, R",
    "over never, R",
)


def main() -> None:
    asked = arguments()
    if asked.candles:
        from benchmarks import candles

        print(candles.told(asked.candles, say))
        return
    count = 6 if asked.quick else asked.worlds
    rows = []
    with multiprocessing.Pool() as pool:
        for number, row in enumerate(ROWS):
            began = time.monotonic()
            tasks = [(number, seed, asked.family, asked.preset) for seed in range(asked.seed, asked.seed + count)]
            rows.append(told(row, pool.starmap(year_of, tasks, chunksize=1)))
            say(f"{row.name}: {count} worlds in {time.monotonic() - began:.0f} s")
    print(table(HEAD, rows))
    print()
    print(table(("figure", "median (smallest to largest)", "target"), times()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptation")
    parser.add_argument("--worlds", type=int, default=60, help="how many for each row")
    parser.add_argument("--seed", type=int, default=0, help="of the first world; the others follow")
    parser.add_argument("--family", choices=FAMILIES, default="usual", help="what the worlds have in common")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--quick", action="store_true", help="six worlds for each row")
    parser.add_argument("--candles", metavar="FOLDER", help="of parquet files; the made-up worlds are left out")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def year_of(number: int, seed: int, family: str, preset: str) -> Year:
    return lived(ROWS[number].life, seed, FAMILIES[family], preset)


def told(row: Row, years: Sequence[Year]) -> list[str]:
    missed = [str(bar) for bar in row.bars if not bar.is_met(years)]
    return [
        row.name,
        ", ".join(map(str, row.bars)),
        measured(row.shown or row.bars[0].figure, years),
        f"missed: {', '.join(missed)}" if missed else "met" if row.bars else "",
        f"{figure_of('worst tenth', years):+.1f}",
        f"{figure_of('Sharpe', years):.1f}",
        f"{figure_of('drawdown', years):.0f}",
        f"{figure_of('gain', years):+.1f}",
        f"{np.mean([year.learner - year.always for year in years]):+.0f}",
        f"{np.mean([year.learner for year in years]):+.0f}",
    ]


def measured(figure: Figure, years: Sequence[Year]) -> str:
    low, high = interval(figure, years)
    return f"{figure} {figure_of(figure, years):.1f}{UNITS[figure]} ({low:.1f} to {high:.1f})"


def interval(figure: Figure, years: Sequence[Year]) -> tuple[float, float]:
    """By bootstrap over worlds."""
    random = np.random.default_rng(0)
    draws = random.integers(0, len(years), (RESAMPLES, len(years))).tolist()
    low, high = np.quantile([figure_of(figure, [years[place] for place in draw]) for draw in draws], (0.025, 0.975))
    return float(low), float(high)


def figure_of(figure: Figure, years: Sequence[Year]) -> float:
    """Shares are of sums: a world in which there is nothing to gain has no share of its own."""
    gains = [year.gain for year in years]
    match figure:
        case "capture":
            return 100.0 * sum(gains) / sum(year.best - year.static for year in years)
        case "loss":
            return -100.0 * sum(gains) / abs(sum(year.static for year in years))
        case "gain":
            return sum(gains) / len(gains)
        case "worst tenth":
            return float(np.quantile(gains, 0.1))
        case "Sharpe":
            return sum(year.sharpe for year in years) / len(years)
        case "drawdown":
            return sum(year.drawdown for year in years) / len(years)


def times() -> list[list[str]]:
    random = np.random.default_rng(5)
    values = raw(worlds.stationary(random, FAMILIES["usual"]).states[0].signals(random, 1_000))
    results = random.normal(0.0, worlds.NOISE_R, len(values))
    learner = anchored(FEATURES, seed=1)
    day = itertools.count()
    for _ in range(60):
        lives_a_day(learner, next(day), values[:24], results[:24])
    limits = {name: parameter.default for name, parameter in PARAMETERS.items()}
    asked, gate_policy = (
        signal(confidence=0.8, rsi=60.0, macd=0.1, ma_crossover=0.01, volume=2e9, momentum=3.0),
        policy(),
    )
    return [
        [
            "replay of 1,000 outcomes, 24 a day, and adapt, ms",
            timed(lambda: replay(values, results), 1e3),
            "under 50",
        ],
        [
            "a day of 24 outcomes and adapt, ms",
            timed(lambda: lives_a_day(learner, next(day), values[:24], results[:24]), 1e3),
            "under 2",
        ],
        ["`decide` of one signal, µs", timed(lambda: learner.decide(values[:1]), 1e6), "under 100"],
        ["the gate of the service, µs", timed(lambda: gate.decide(asked, limits, gate_policy), 1e6), "under 100"],
    ]


def replay(values: Matrix, results: worlds.Vector) -> None:
    learner = anchored(FEATURES, seed=1)
    for day, start in enumerate(range(0, len(values), 24)):
        learner.observe(
            values[start : start + 24], *learner.decide(values[start : start + 24]), results[start : start + 24]
        )
        learner.settle(day)
    learner.adapt(day + 1)


def lives_a_day(learner: Anchored, day: int, values: Matrix, results: worlds.Vector) -> None:
    learner.observe(values, *learner.decide(values), results)
    learner.adapt(day)


def timed(work: Callable[[], Any], factor: float) -> str:
    work()
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * factor)
    return spread(found, "{:.1f}")


if __name__ == "__main__":
    main()
