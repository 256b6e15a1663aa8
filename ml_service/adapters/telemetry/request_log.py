"""What the web process says about its requests: a line each, and counts for Prometheus."""

import logging
import threading
from collections import Counter as Tally
from collections import deque
from typing import Any

from ml_service.adapters.telemetry.logs import LineWriter
from ml_service.adapters.telemetry.metrics import Metrics, exposition

EVALUATE = "/api/v1/evaluate/<user_id>"


class RequestTelemetry:
    """Requests leave a note each; the notes are added up together a few times a second, and before each scrape.

    Counting one event in storage that several processes share costs more than the note does.
    """

    def __init__(self, metrics: Metrics, writer: LineWriter) -> None:
        self._metrics = metrics
        self._writer = writer
        self._answers: deque[tuple[str, str, int, float]] = deque()
        self._events: deque[tuple[str, ...]] = deque()
        self._runs: deque[float] = deque()
        self._adding = threading.Lock()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        self._answers.append((route, method, status, seconds))

    def decided(self, decision: str, code: str, kept: str, model_status: str) -> None:
        self._events.append(("decided", decision, code, kept, model_status))

    def ran(self, seconds: float) -> None:
        self._runs.append(seconds)

    def reported(self, status: str, kept: str) -> None:
        self._events.append(("reported", status, kept))

    def shed(self, lane: str) -> None:
        self._events.append(("shed", lane))

    def line(self, fields: dict[str, Any]) -> None:
        if logging.getLogger().isEnabledFor(logging.INFO):
            self._writer.line({"level": "info", "event": "request", **fields})

    def exposition(self) -> bytes:
        self.add_up()
        return exposition()

    def add_up(self) -> None:
        metrics = self._metrics
        with self._adding:
            answers = [self._answers.popleft() for _ in range(len(self._answers))]
            events = Tally(self._events.popleft() for _ in range(len(self._events)))
            for (route, method, number), count in Tally(answer[:3] for answer in answers).items():
                metrics.requests.labels(route, method, str(number)).inc(count)
            for route, _, _, seconds in answers:
                if route == EVALUATE:
                    metrics.evaluate_seconds.observe(seconds)
                else:
                    metrics.request_seconds.labels(route).observe(seconds)
            for _ in range(len(self._runs)):
                metrics.forecast_seconds.observe(self._runs.popleft())
            for event, count in events.items():
                match event:
                    case ("decided", decision, code, kept, model_status):
                        metrics.decisions.labels(decision, code).inc(count)
                        metrics.forecasts.labels(model_status).inc(count)
                        metrics.records.labels(kept).inc(count)
                    case ("reported", status, kept):
                        metrics.outcomes.labels(status).inc(count)
                        metrics.records.labels(kept).inc(count)
                    case ("shed", lane):
                        metrics.shed.labels(lane).inc(count)
