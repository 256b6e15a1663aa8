"""Requests per second of evaluate with five models, beside others that serve the same five, in one run.

    python -m benchmarks.serving_peers [rounds] [seconds] [workers] [folder for the peers' environments]

A plain Flask view that calls the native libraries, on the same server as ours; MLflow `models serve`, BentoML and
LitServe with the merged graph, with as many workers each: two unless told otherwise. Only ours decides, records and
answers with reasons besides. The peers are installed on demand, each in an environment of its own; one that cannot be
is left out and named.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.champions import FIVE, prepared, trained_members
from benchmarks.forecasts import SYMBOLS
from benchmarks.measuring import EVALUATE, serving, spread, table
from tests.load import http_request, run_load
from tests.ports import HOST, free_port
from tests.service import ROOT

PEERS = ROOT / "benchmarks" / "peers"
PACKAGES = {
    "LitServe": ("litserve", "onnxruntime", "numpy"),
    "BentoML": ("bentoml", "onnxruntime", "numpy"),
    "MLflow": ("mlflow", "onnx", "onnxruntime", "numpy"),
}
CONNECTIONS = 8
START_SECONDS = 90.0


def main(rounds: int, seconds: float, workers: int, environments: Path) -> None:
    members, graph = trained_members()
    rows_back = max(member.rows_back for member in members)
    rows = np.random.default_rng(1).normal(0.0, 0.1, (1, rows_back, 25)).astype(np.float32).tolist()
    own = http_request("/predict", {"rows": rows})
    measured: dict[str, list[float]] = defaultdict(list)
    notes = []
    shared = {"ENVIRONMENT": "testing", "WORKERS": str(workers)}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        (folder / "graph.onnx").write_bytes(graph)
        for number, (kind, member) in enumerate(zip(FIVE, members, strict=True)):
            (folder / f"{number}-{kind}.native").write_bytes(member.native())
        prepared(folder / "data", SYMBOLS[:1], ([member.part for member in members], graph))
        ports: dict[str, tuple[int, bytes]] = {}
        for kind, name in (("remembering", "this service"), ("forgetful", "this service, run every time")):
            data = str(folder / "data")
            server = stack.enter_context(serving(["benchmarks.apps", kind], ML_SERVICE_DATA_DIR=data, **shared))
            ports[name] = server.port, EVALUATE
        native = stack.enter_context(serving(["benchmarks.apps", "native"], NATIVE=place, **shared))
        ports["a plain Flask view, native libraries"] = native.port, own
        for name in PACKAGES:
            try:
                port = stack.enter_context(peer(name, environments, folder, workers))
            except (subprocess.CalledProcessError, TimeoutError, OSError) as error:
                notes.append(f"{name} is left out: {error}")
                continue
            body = {"inputs": {"rows": rows}} if name == "MLflow" else {"rows": rows}
            ports[name] = port, http_request("/invocations" if name == "MLflow" else "/predict", body)
        for port, request in ports.values():
            run_load(port, request, connections=CONNECTIONS, seconds=1.0)
        for _ in range(rounds):
            for name, (port, request) in ports.items():
                report = run_load(port, request, connections=CONNECTIONS, seconds=seconds)
                assert set(report.statuses) == {200}, (name, report.statuses)
                measured[name].append(report.rate("200"))
    ours = statistics.median(measured["this service"])
    lines = [[name, spread(rates), f"{ours / statistics.median(rates):.1f}"] for name, rates in measured.items()]
    print(
        table(["server", f"requests/s, {CONNECTIONS} connections", "this service serves so many times as many"], lines)
    )
    print("\n".join(["", *notes]))


@contextmanager
def peer(name: str, environments: Path, folder: Path, workers: int) -> Iterator[int]:
    """Its server, answering, on a port."""
    python = installed(name, environments)
    port, graph = free_port(), folder / "graph.onnx"
    environment = {**os.environ, "GRAPH": str(graph), "OMP_NUM_THREADS": "1", "PATH": f"{python.parent}:/usr/bin:/bin"}
    environment["WORKERS"] = str(workers)
    if name == "MLflow":
        saved = folder / "mlflow"
        subprocess.run([python, PEERS / "mlflow_model.py", graph, saved], check=True, env=environment)
        command = [python.with_name("mlflow"), "models", "serve", "-m", saved, "--env-manager", "local"]
        command += ["-w", str(workers), "-p", str(port), "-h", HOST]
    elif name == "BentoML":
        command = [python.with_name("bentoml"), "serve", "bento:Graph", "--port", str(port), "--host", HOST]
    else:
        command = [python, PEERS / "lit.py", str(port), graph]
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=PEERS,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await_port(port, process)
        yield port
    finally:
        top = psutil.Process(process.pid)
        for one in (*top.children(recursive=True), top):
            one.kill()
        process.wait()


def installed(name: str, environments: Path) -> Path:
    folder = environments / name.lower()
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"installing {name}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[name]], check=True, timeout=600)
        (folder / "complete").touch()
    return python


def await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for path in ("/health", "/ping", "/livez"):
            try:
                if httpx.get(f"http://{HOST}:{port}{path}", timeout=1).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
        time.sleep(0.2)
    raise TimeoutError(f"no answer within {START_SECONDS:.0f} s")


if __name__ == "__main__":
    told = sys.argv[1:]
    main(
        int(told[0]) if told else 5,
        float(told[1]) if len(told) > 1 else 4.0,
        int(told[2]) if len(told) > 2 else 2,
        Path(told[3]) if len(told) > 3 else Path.home() / ".cache" / "ml-service-peers",
    )
