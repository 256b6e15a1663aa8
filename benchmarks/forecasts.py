"""What forecasts cost: the same service without a model, with a trained set of five, and with one that forgets.

    python -m benchmarks.forecasts [rounds] [seconds]

A row says the same however often it is asked about, so its figures are remembered until its bar is over. `every time`
forgets them: the graph runs for each request. All rows come from one run, round by round in turn, with the load
generator on the same processors. Needs the training layer (`./deploy.sh training`).
"""

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np

from benchmarks.champions import FIVE, prepared, trained
from benchmarks.measuring import EVALUATE, Server, serving, spread, table
from benchmarks.service import whole_batch
from ml_service.adapters.inference.graph import OnnxGraph, open_graph
from tests.load import by_decision, http_request, run_load
from tests.ports import HOST
from tests.service import SIGNAL

VIEWS = {"recorded": "no model", "remembering": "five models", "forgetful": "five models, run every time"}
SYMBOLS = ["BTCUSDT", *(f"C{number}USDT" for number in range(999))]
BATCH = {"signals": [{**SIGNAL, "symbol": symbol} for symbol in SYMBOLS]}
STEADY_RATE = 500.0
CONNECTIONS = 8
BATCH_CONNECTIONS = 4


def main(rounds: int, seconds: float) -> None:
    champion = trained()
    print("trained", file=sys.stderr)
    print(table(["five models in one graph", "median (smallest to largest)"], alone(champion[1])), flush=True)
    measured: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        servers = {}
        for kind in VIEWS:
            folder = Path(place) / kind
            prepared(folder, SYMBOLS, champion if kind != "recorded" else None)
            # After the evaluate's own variables: this folder in place of an empty one.
            servers[kind] = stack.enter_context(
                serving(["benchmarks.apps", kind], ML_SERVICE_DATA_DIR=str(folder), ENVIRONMENT="testing")
            )
        print("serving", file=sys.stderr)
        for kind, server in servers.items():
            check(server, "none" if kind == "recorded" else "ok")
            run_load(server.port, EVALUATE, connections=CONNECTIONS, seconds=1.0)
        for number in range(rounds):
            for kind, server in servers.items():
                measure(server, seconds, measured[kind])
            print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    head = [
        "view",
        "requests/s",
        "CPU µs/request",
        "p50 ms at 500/s",
        "p99 ms at 500/s",
        "signals/s in batches of 1,000",
    ]
    names = ("rate", "cpu", "middle", "steady", "batch")
    forms = ("{:.0f}", "{:.0f}", "{:.2f}", "{:.1f}", "{:.0f}")
    rows = [
        [VIEWS[kind], *(spread(figures[name], form) for name, form in zip(names, forms, strict=True))]
        for kind, figures in measured.items()
    ]
    print(table(head, rows))
    print(f"\nMedians over the rounds (smallest to largest). Members: {', '.join(FIVE)}.")


def alone(content: bytes) -> list[list[str]]:
    """In this process, without a server."""
    graph = open_graph(content)
    opened = [timed(lambda: open_graph(content)) for _ in range(20)]
    one, many = rows_for(graph, 1), rows_for(graph, 1000)
    ones = [timed(lambda: graph.run(one)) for _ in range(2000)]
    return [
        ["size of the file, MB", f"{len(content) / 1e6:.1f}"],
        ["opening it, ms", spread(opened, "{:.0f}")],
        ["one row, ms, p50", f"{statistics.median(ones):.3f}"],
        ["one row, ms, p99", f"{np.quantile(ones, 0.99):.3f}"],
        ["1,000 rows, ms", spread([timed(lambda: graph.run(many)) for _ in range(20)], "{:.0f}")],
    ]


def rows_for(graph: OnnxGraph, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return (
        np.random.default_rng(1).normal(0.0, 0.1, (count, *(int(size or 1) for size in graph.shape[1:]))).astype("f4")
    )


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def check(server: Server, status: str) -> None:
    """That it is what it is called."""
    answer = httpx.post(f"http://{HOST}:{server.port}/api/v1/evaluate/ada/batch", json=BATCH, timeout=30)
    found = {one["data"]["model_status"] for one in answer.json()["data"]["results"]}
    assert found == {status}, found


def measure(server: Server, seconds: float, figures: dict[str, list[float]]) -> None:
    before = server.cpu_seconds()
    report = run_load(server.port, EVALUATE, connections=CONNECTIONS, seconds=seconds, classify=by_decision)
    figures["cpu"].append((server.cpu_seconds() - before) / report.answered * 1e6)
    figures["rate"].append(report.rate("judged"))
    steady = run_load(
        server.port, EVALUATE, connections=CONNECTIONS, seconds=seconds, rate=STEADY_RATE, classify=by_decision
    )
    figures["middle"].append(steady.percentile_ms("judged", 50))
    figures["steady"].append(steady.percentile_ms("judged", 99))
    request = http_request("/api/v1/evaluate/ada/batch", BATCH)
    batches = run_load(server.port, request, connections=BATCH_CONNECTIONS, seconds=seconds, classify=whole_batch)
    # What could not be recorded in time does not count.
    assert set(batches.labels) <= {"recorded", "unrecorded"}, batches.labels
    figures["batch"].append(1000 * batches.rate("recorded"))


if __name__ == "__main__":
    numbers = [float(text) for text in sys.argv[1:]]
    main(int(numbers[0]) if numbers else 5, numbers[1] if len(numbers) > 1 else 4.0)
