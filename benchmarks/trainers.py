"""How long each model takes to train, and how much of a known signal it finds.

    python -m benchmarks.trainers

As many examples as 90 days have quarters of an hour, with a planted signal whose best possible forecast is known. One
thread; processor seconds, so that other work on the machine does not count.
"""

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import onnxruntime

from benchmarks.measuring import table
from ml_service.learning.examples import Examples, Figures, Rows
from ml_service.learning.trainers import MODULES, trainer
from ml_service.learning.trainers.spec import Trained, Wishes
from tests.learning.examples import Floats, chances, planted

EXAMPLES = 90 * 24 * 4
LATER = 1_500
UNSEEN = 10_000
STRENGTH = 0.3
"""Markets tell less than this, and it tells the models apart."""
ASKED = 500

HEAD = (
    "model",
    "s to train",
    "trees or epochs",
    "found, %",
    "s to export",
    "KiB to train on",
    "KiB to serve",
    "µs a row",
)


def main() -> None:
    known = planted(EXAMPLES, seed=1, strength=STRENGTH, missing=0.01)
    later = planted(LATER, seed=2, strength=STRENGTH, missing=0.01)
    unseen = planted(UNSEEN, seed=3, strength=STRENGTH)
    # The first training pays for loading the library.
    for name in MODULES:
        trainer(name).fit(planted(200), None, Wishes())
    rows = [told(name, known, later, unseen) for name in MODULES]
    print(f"{EXAMPLES:,} examples of 25 features; found is the share of what can be gained in log loss at best.\n")
    print(table(HEAD, [row for row, _ in rows]))
    print(f"\nAll {len(rows)}: {sum(seconds for _, seconds in rows):.0f} s")


def told(name: str, known: Examples, later: Examples, unseen: Examples) -> tuple[list[str], float]:
    model, seconds = timed(lambda: trainer(name).fit(known, later, Wishes()))
    graph, export_seconds = timed(model.onnx)
    return [
        f"`{name}`",
        f"{seconds:.2f}",
        f"{model.steps}",
        f"{100.0 * found(model, unseen):.0f}",
        f"{export_seconds:.1f}",
        f"{len(model.native()) / 1024:.0f}",
        f"{len(graph) / 1024:.0f}",
        f"{microseconds(graph, unseen.some(np.arange(100, 101)).windows(model.rows_back)):.0f}",
    ], seconds


T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


def found(model: Trained, unseen: Examples) -> float:
    best = chances(unseen.rows, STRENGTH)
    nothing = np.log(2.0)
    gained = nothing - log_loss(best, model.rises(unseen.windows(model.rows_back)))
    return float(gained / (nothing - log_loss(best, best)))


def log_loss(true: Floats, rises: Floats | Figures) -> float:
    """Expected over what may follow, since the true chances are known."""
    return float(-np.mean(true * np.log(rises) + (1.0 - true) * np.log(1.0 - rises)))


def microseconds(graph: bytes, window: Rows) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    taken = []
    for _ in range(ASKED):
        start = time.perf_counter()
        session.run(["rises"], {"rows": window})
        taken.append(time.perf_counter() - start)
    return 1e6 * statistics.median(taken)


if __name__ == "__main__":
    main()
