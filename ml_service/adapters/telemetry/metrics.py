"""Prometheus metrics, added up over all processes of this host."""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from ml_service.adapters.telemetry.metrics_folder import FOLDER_VARIABLE

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

ROOM_BYTES = 1 << 18
"""Enough for all series of a process, ten times over."""


class Metrics:
    """Labels have few values: never a user, never a signal id."""

    def __init__(self) -> None:
        reserve_room()
        self.requests = Counter("ml_requests", "Requests answered", ["route", "method", "status"])
        self.request_seconds = Histogram(
            "ml_request_duration_seconds", "Time to answer, by route", ["route"], buckets=SECONDS
        )
        self.evaluate_seconds = Histogram(
            "ml_evaluate_duration_seconds", "Time to answer one evaluate request", buckets=SECONDS
        )
        self.decisions = Counter("ml_decisions", "Decisions by verdict", ["decision", "code"])
        self.forecasts = Counter("ml_forecasts", "Decisions by what came of asking the models", ["status"])
        self.forecast_seconds = Histogram(
            "ml_forecast_duration_seconds", "Time of one run of a set's graph", buckets=SECONDS
        )
        self.champions = Gauge(
            "ml_champions", "Sets that speak in a live process: the fewest", multiprocess_mode="livemin"
        )
        self.champions_refused = Gauge(
            "ml_champions_refused",
            "Champions that cannot be trusted in a live process: the most",
            multiprocess_mode="livemax",
        )
        self.outcomes = Counter("ml_outcomes", "Outcomes by what became of the report", ["status"])
        self.records = Counter("ml_records", "Decisions and outcomes by where they were kept", ["kept"])
        self.shed = Counter("ml_shed", "Requests turned away because their lane was full", ["lane"])
        self.alerts = Counter("ml_alerts", "Alerts raised", ["severity"])
        self.snapshot_age = Gauge(
            "ml_snapshot_age_seconds",
            "Age of the oldest snapshot of a live process",
            multiprocess_mode="livemax",
        )
        self.journal_rows = Gauge(
            "ml_journal_rows", "Rows of this host that the database does not have yet", multiprocess_mode="livemax"
        )
        # Alerts ask how much a count grew: it has to exist at 0 before the first event.
        for kept in ("database", "journal", "unrecorded"):
            self.records.labels(kept)
        for lane in ("decide", "record", "store", "slow"):
            self.shed.labels(lane)
        for status in ("failed", "refused", "window_missing"):
            self.forecasts.labels(status)
        for severity in ("info", "warning", "critical"):
            self.alerts.labels(severity)


def reserve_room() -> None:
    """Take the room for this process's counts at once.

    The library maps files with holes into memory. On a full disk the first count that falls into a hole would
    end the whole process (SIGBUS).
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    for kind in ("counter", "histogram", "gauge_livemax", "gauge_livemin") if folder else ():
        handle = os.open(Path(folder or "") / f"{kind}_{os.getpid()}.db", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            os.posix_fallocate(handle, 0, ROOM_BYTES)
        finally:
            os.close(handle)


def forget_dead_processes() -> None:
    """Gauges of a process that is gone no longer count."""
    for file in Path(os.environ[FOLDER_VARIABLE]).glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            multiprocess.mark_process_dead(int(pid))  # type: ignore[no-untyped-call]


def exposition() -> bytes:
    registry = CollectorRegistry()
    if os.environ.get(FOLDER_VARIABLE):
        forget_dead_processes()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    from prometheus_client import REGISTRY

    return generate_latest(REGISTRY)
