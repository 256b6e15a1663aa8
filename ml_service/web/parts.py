"""What a request may use, named by socket. Built once per process in wiring.py."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Protocol

from flask import current_app

from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.domain.keys import ApiKey
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.types import GatePolicy
from ml_service.ports import (
    ExportFiles,
    Forecaster,
    IdempotencyKeys,
    KillFile,
    Market,
    Recorder,
    Rollups,
    Shelf,
    ShelvedGraphs,
    Snapshot,
    Store,
)
from ml_service.usecases.take_candles import LiveFeatures
from ml_service.web.body_deadline import BodyDeadline
from ml_service.web.lanes import Lanes


class RateLimiter(Protocol):
    def hit(self, caller: str) -> int | None:
        """Seconds to wait when the caller has used up its share, else None."""


class Telemetry(Protocol):
    def answered(self, route: str, method: str, status: int, seconds: float) -> None: ...
    def decided(self, decision: str, code: str, kept: str, model_status: str) -> None: ...
    def reported(self, status: str, kept: str) -> None: ...
    def shed(self, lane: str) -> None: ...
    def line(self, fields: dict[str, Any]) -> None: ...
    def exposition(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Live:
    """The settings that a running process may exchange for newer ones."""

    admin_key: str | None
    seeded_keys: dict[str, ApiKey]
    record_wait_ms: float
    body_bytes_max: int
    batch_bytes_max: int
    metrics_enabled: bool
    adaptation: AdaptationPolicy


@dataclass(slots=True)
class Parts:
    store: Store
    market: Market
    shelf: Shelf
    signing_key: SigningKey
    live_features: LiveFeatures
    rollups: Rollups
    exports: ExportFiles
    recorder: Recorder
    snapshot: Snapshot
    forecaster: Forecaster
    graphs: ShelvedGraphs
    kill_file: KillFile
    lanes: Lanes
    body_deadline: BodyDeadline
    telemetry: Telemetry
    limiter: RateLimiter
    idempotency: IdempotencyKeys
    live: Live
    trusted: tuple[IPv4Network | IPv6Network, ...]
    environment: str
    loopback_only: bool
    now_ms: Callable[[], int]
    entropy: Callable[[int], bytes]
    follow: Callable[[int], None]
    """Tell the worker which time it is in a simulation."""
    is_draining: Callable[[], bool]
    reload: Callable[[str], dict[str, Any]]
    """Read the settings again; the actor's name goes into the audit. Raises Misconfigured."""
    health: Callable[[], dict[str, Any]]
    cors_origins: tuple[str, ...] = ()
    policies: dict[str, GatePolicy] = field(default_factory=dict)
    """Policies of earlier settings, by hash, for repeated answers."""


def parts() -> Parts:
    found: Parts = current_app.extensions["parts"]
    return found
