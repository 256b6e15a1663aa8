"""How fast evaluate is, on both servers, with recording on and off, beside an empty Flask view.

    python -m benchmarks.serving [rounds] [seconds]

All rows come from one run, round by round in turn, with the load generator on the same processors. Absolute figures
depend on the machine; the ratio of processor time to the empty view's is what carries over.
"""

import statistics
import sys
from collections import defaultdict
from contextlib import ExitStack

from benchmarks.measuring import EVALUATE, Server, serving, spread, table
from tests.load import by_decision, run_load

KINDS = ("recorded", "unrecorded", "empty")
SERVERS = ("granian", "gunicorn")
CONNECTIONS = 8
STEADY_RATE = 500.0


def main(rounds: int, seconds: float) -> None:
    measured: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        servers = {
            (server, kind): stack.enter_context(
                serving(["benchmarks.apps", kind], ML_SERVICE_SERVER=server, ENVIRONMENT="testing", LOG_LEVEL="INFO")
            )
            for server in SERVERS
            for kind in KINDS
        }
        for each in servers.values():
            run_load(each.port, EVALUATE, connections=CONNECTIONS, seconds=1.0)
        for number in range(rounds):
            for name, each in servers.items():
                measure(each, seconds, measured[name])
            print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    print(
        table(
            ["server", "view", "requests/s, 8 connections", "p99 ms", "CPU µs/request", "ratio", "p99 ms at 500/s"],
            [row(name, figures, measured) for name, figures in measured.items()],
        )
    )
    print("\nMedians over the rounds (smallest to largest). ratio: CPU per request over the empty view's, same server.")


def measure(server: Server, seconds: float, figures: dict[str, list[float]]) -> None:
    before = server.cpu_seconds()
    report = run_load(server.port, EVALUATE, connections=CONNECTIONS, seconds=seconds, classify=by_decision)
    spent = server.cpu_seconds() - before
    assert set(report.labels) == {"judged"}, report.labels
    figures["rate"].append(report.rate("judged"))
    figures["p99"].append(report.percentile_ms("judged", 99))
    figures["cpu"].append(spent / report.answered * 1e6)
    steady = run_load(
        server.port, EVALUATE, connections=CONNECTIONS, seconds=seconds, rate=STEADY_RATE, classify=by_decision
    )
    figures["steady"].append(steady.percentile_ms("judged", 99))


def row(
    name: tuple[str, str],
    figures: dict[str, list[float]],
    measured: dict[tuple[str, str], dict[str, list[float]]],
) -> list[str]:
    empty = statistics.median(measured[name[0], "empty"]["cpu"])
    return [
        name[0],
        {"recorded": "evaluate, recorded", "unrecorded": "evaluate, not recorded", "empty": "an empty Flask view"}[
            name[1]
        ],
        spread(figures["rate"]),
        spread(figures["p99"], "{:.1f}"),
        spread(figures["cpu"]),
        f"{statistics.median(figures['cpu']) / empty:.1f}",
        spread(figures["steady"], "{:.1f}"),
    ]


if __name__ == "__main__":
    numbers = [float(text) for text in sys.argv[1:]]
    main(int(numbers[0]) if numbers else 5, numbers[1] if len(numbers) > 1 else 4.0)
