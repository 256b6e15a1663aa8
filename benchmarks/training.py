"""What models are worth on real candles, after costs, and how long it takes to train them. Whatever it says.

    python -m benchmarks.training [MODELS] [DAYS]

MODELS are names with commas between them, logistic,xgboost,lightgbm if left out; DAYS is 365. The candles are those of
`klines_open` in the folder that ML_SERVICE_TEST_DATA names: parquet files with the columns ts (milliseconds, the
opening), open, high, low, close and volume.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measuring import spread, table
from ml_service.adapters.inference.graph import open_graph
from ml_service.domain.market.candles import Candles, Stream, candles_of
from ml_service.domain.market.intervals import interval_ms
from ml_service.domain.market.settlement import Costs
from ml_service.domain.statistics.estimate import Estimate
from ml_service.learning.dataset import Dataset
from ml_service.learning.from_candles import from_candles
from ml_service.learning.labels import Label
from ml_service.learning.plan import Plan
from ml_service.learning.trained import Training
from ml_service.learning.trainers import trainer
from ml_service.learning.training import train

FILES = (
    ("BINANCE_BTCUSDT_15m", "15m"),
    ("BINANCE_ETHUSDT_15m", "15m"),
    ("BINANCE_SOLUSDT_15m", "15m"),
    ("BINANCE_BTCUSDT_1h", "1h"),
    ("BINANCEUSDM_BNBUSDT_1h", "1h"),
    ("BINANCEUSDM_XRPUSDT_1h", "1h"),
)
HORIZON_MINUTES = 720
DAY_MS = 86_400_000
ROUNDS = 3
QUICK_DAYS = 90
HEAD = (
    "candles",
    "examples",
    "base rate",
    "gain, nats a row",
    "AUC",
    "calibration error",
    "models, %",
    "always, %",
    "s",
)


def main() -> None:
    names = tuple((sys.argv[1] if len(sys.argv) > 1 else "logistic,xgboost,lightgbm").split(","))
    days = float(sys.argv[2]) if len(sys.argv) > 2 else 365.0
    folder = Path(os.environ.get("ML_SERVICE_TEST_DATA", "")) / "klines_open"
    found = [(name, interval) for name, interval in FILES if (folder / f"{name}.parquet").is_file()]
    if not found:
        sys.exit(f"there are no candles in {folder}; ML_SERVICE_TEST_DATA names the folder above klines_open")
    print(f"{', '.join(names)}; the last {days:g} days of each file, 5 folds, direction over 12 hours after costs.\n")
    print(table(HEAD, [measured(folder, name, interval, names, days) for name, interval in found]))
    name, interval = found[0]
    seconds = quick(folder, name, interval)
    print(f"\nXGBoost with five folds on {QUICK_DAYS} days of {name}, in {ROUNDS} rounds: {seconds} s")
    print(f"The same with its labels shuffled: {luck(folder, name, interval)}")


def measured(folder: Path, name: str, interval: str, models: tuple[str, ...], days: float) -> list[str]:
    dataset, plan = prepared(folder, name, interval, models, days)
    begun = time.perf_counter()
    training = trained(dataset, plan)
    taken = time.perf_counter() - begun
    found = training.evaluation
    totals = {one.rule: one.total for one in found.equities}
    error = max(side.calibration_error for side in found.sides)
    return [
        f"{name}{' SUSPICIOUS' if training.suspicions else ''}",
        f"{training.examples:,}",
        " and ".join(f"{100 * side.worth.base_rate:.0f} %" for side in found.sides),
        f"{told(found.gain, '+.4f')}{' skill' if found.has_skill else ''}",
        told(found.together.auc, ".3f"),
        f"{error:.3f}",
        f"{totals['models']:+.1f}",
        f"{totals['always']:+.1f}",
        f"{taken:.0f}",
    ]


def quick(folder: Path, name: str, interval: str) -> str:
    dataset, plan = prepared(folder, name, interval, ("xgboost",), QUICK_DAYS)
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        trained(dataset, plan)
        times.append(time.perf_counter() - begun)
    return spread(times, "{:.1f}")


def luck(folder: Path, name: str, interval: str) -> str:
    dataset, plan = prepared(folder, name, interval, ("xgboost",), QUICK_DAYS)
    order = np.random.default_rng(0).permutation(len(dataset))
    return trained(replace(dataset, bought=dataset.bought[order], sold=dataset.sold[order]), plan).evaluation.verdict


def trained(dataset: Dataset, plan: Plan) -> Training:
    return train(dataset, plan, {name: trainer(name) for name in plan.models}, open_graph=open_graph)


def prepared(folder: Path, name: str, interval: str, models: tuple[str, ...], days: float) -> tuple[Dataset, Plan]:
    length_ms = interval_ms(interval)
    candles = read(folder / f"{name}.parquet")
    since_ms = int(candles.opened_at_ms[-1] - days * DAY_MS)
    candles = candles[candles.opened_at_ms >= since_ms - 1_000 * length_ms]
    label = Label(HORIZON_MINUTES * 60_000 // length_ms)
    venue, symbol, _ = name.split("_")
    plan = Plan(Stream(venue.lower(), symbol, interval), models, label)
    return from_candles(candles, length_ms, label, Costs(), since_ms).dataset, plan


def read(path: Path) -> Candles:
    from pyarrow import parquet

    columns = parquet.read_table(path)
    prices = (columns[column].to_numpy() for column in ("open", "high", "low", "close", "volume"))
    return candles_of(columns["ts"].to_numpy(), *prices)


def told(estimate: Estimate, form: str) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{form}}"
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


if __name__ == "__main__":
    main()
