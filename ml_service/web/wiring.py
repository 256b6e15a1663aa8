"""Settings into parts: the only file of the web room that names adapters."""

import contextlib
import ipaddress
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from ml_service import VERSION
from ml_service.adapters.entropy import Entropy
from ml_service.adapters.exports.files import LocalExports
from ml_service.adapters.inference.live import LiveForecaster
from ml_service.adapters.inference.shelved import ShelvedGraphs
from ml_service.adapters.keys_file import read_keys
from ml_service.adapters.kill_file import LocalKillFile
from ml_service.adapters.local_copy import LocalCopy
from ml_service.adapters.rate_limits import Limiter, NoLimit
from ml_service.adapters.rollups.local import LocalRollups
from ml_service.adapters.shared_page import SharedPage
from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.signing_key import load_signing_key
from ml_service.adapters.snapshot import LiveSnapshot
from ml_service.adapters.store.audit_head import AuditHead
from ml_service.adapters.store.database import Database, Pooling, durability_flaws
from ml_service.adapters.store.idempotency import IdempotencyTable
from ml_service.adapters.store.journal import Journal
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.recorder import GroupRecorder, Patience
from ml_service.adapters.store.sql import Committed, SqlStore
from ml_service.adapters.telemetry import logs
from ml_service.adapters.telemetry.metrics import Metrics
from ml_service.adapters.telemetry.request_log import RequestTelemetry
from ml_service.domain.market.feature_rows import FeatureSource
from ml_service.domain.types import Kill
from ml_service.domain.view import Changes, View
from ml_service.errors import Misconfigured, Unavailable
from ml_service.features.schema import SCHEMA
from ml_service.settings import (
    Settings,
    changed_paths,
    has_admin_key,
    load_settings,
    needs_restart,
    unsafe_start,
    weak_admin_key,
)
from ml_service.usecases.kill_switch import settle
from ml_service.usecases.take_candles import LiveFeatures
from ml_service.web.body_deadline import BodyDeadline
from ml_service.web.contracts import LaneName
from ml_service.web.lanes import Lanes, LaneSize
from ml_service.web.parts import Live, Parts

logger = logging.getLogger(__name__)

THREADS_KEPT = 16
"""Threads that no unfinished body may hold: for probes and refusals."""
HOUSEKEEPING_SECONDS = 0.25
SHED_WAIT_MS = 1_000.0
"""Those who are turned away wait for each other, at most this long."""


class WebProcess:
    """Everything one web process owns: built once, started once, closed at the end."""

    def __init__(self, settings: Settings, log: logs.LineWriter) -> None:
        self.settings = settings
        seeded = read_keys(settings.security.api_keys_file)
        folder = settings.data_dir
        self._page = SharedPage(folder / "shared.page")
        self._generation = self._page.mark("generation")
        self._reload_mark = self._page.mark("settings")
        self._reload_seen = self._reload_mark.value()
        self._draining = self._page.mark("draining")
        self._door_shut = self._page.mark("door")
        self._audit_head = AuditHead(folder)
        self._database = Database(settings.database_url, pooling(settings))
        self._store = SqlStore(self._database, self._committed)
        self._market_database = self._database if not settings.is_embedded else Database(settings.market_url)
        self._market = SqlMarket(self._market_database)
        self._rollups = LocalRollups(folder)
        self._kill_file = MarkedKillFile(LocalKillFile(folder), self._generation.bump)
        self._snapshot = LiveSnapshot(
            View(
                settings.gate_policy,
                settings.hash,
                exploration=settings.adaptation.exploration,
                feature_source=feature_source(settings),
            ),
            self._load,
            self._generation,
            LocalCopy(folder, settings.database_url),
            self._kill_file,
        )
        self._metrics = Metrics()
        self._telemetry = RequestTelemetry(self._metrics, log)
        self._recorder = GroupRecorder(
            self._database,
            Journal(folder, self._page.mark("journal")),
            patience(settings),
            on_trouble=self._trouble,
        )
        self._signing_key = load_signing_key(folder, settings.security.signing_key)
        self._shelf = FolderShelf(folder / "shelf", settings.models.file_bytes_max)
        self._forecaster = LiveForecaster(
            view=self._snapshot.view,
            files=self._shelf,
            key=self._signing_key,
            market=self._market,
            alert=self._trouble,
            ran=self._telemetry.ran,
            slowest_ms=settings.models.slowest_ms,
        )
        self._durability: tuple[str, ...] | None = None
        self._undocumented: dict[str, dict[str, Any] | None] = {settings.hash: settings.document()}
        """Settings by hash that the database has not got yet; None once it has."""
        self._stop = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        self.parts = self._parts(seeded)

    def start(self) -> None:
        self._snapshot.start()
        self._forecaster.start()
        keys = [key for key in self._snapshot.view().keys.values() if key.is_live(self.parts.now_ms())]
        flaws = unsafe_start(self.settings, len(keys) + len(self.parts.live.seeded_keys))
        if flaws:
            raise Misconfigured(flaws)
        if not self._snapshot.is_stale():
            # Otherwise the first answer would wait once more for a database that is away.
            self._tend()
        self._housekeeper.start()

    def is_door_shut(self) -> bool:
        return self._door_shut.value() != 0

    def close(self) -> None:
        self._stop.set()
        self.parts.body_deadline.close()
        self._recorder.close()
        self._forecaster.stop()
        self._snapshot.stop()
        self._rollups.close()
        self._market_database.close()
        self._database.close()

    # ---- building

    def _parts(self, seeded: dict[str, Any]) -> Parts:
        settings = self.settings
        return Parts(
            store=self._store,
            market=self._market,
            shelf=self._shelf,
            signing_key=self._signing_key,
            live_features=LiveFeatures(),
            rollups=self._rollups,
            exports=LocalExports(settings.data_dir),
            recorder=self._recorder,
            snapshot=self._snapshot,
            forecaster=self._forecaster,
            graphs=ShelvedGraphs(self._shelf, slowest_ms=settings.models.slowest_ms),
            kill_file=self._kill_file,
            lanes=Lanes(lane_sizes(settings)),
            body_deadline=BodyDeadline(
                settings.server.body_seconds_max, settings.server.port, max(1, settings.server.threads - THREADS_KEPT)
            ),
            telemetry=self._telemetry,
            limiter=limiter(settings),
            idempotency=IdempotencyTable(self._database, settings.retention.idempotency_hours),
            live=live(settings, seeded),
            trusted=tuple(ipaddress.ip_network(one) for one in settings.security.trusted_network),
            environment=settings.environment,
            loopback_only=is_loopback(settings.server.host),
            now_ms=lambda: time.time_ns() // 1_000_000,
            entropy=Entropy(),
            follow=lambda test_time: self._page.advance("test_time", test_time),
            is_draining=lambda: self._draining.value() != 0,
            reload=self._reload_everywhere,
            health=self._health,
            cors_origins=tuple(settings.security.cors_origins),
        )

    def _load(self, store_id: str, generation: int) -> Changes | None:
        with self._store.read() as reading:
            return reading.changes_since(store_id, generation)

    def _committed(self, committed: Committed) -> None:
        self._generation.bump()
        if committed.audit_head is not None:
            self._audit_head.remember(*committed.audit_head)

    def _trouble(self, what: str) -> None:
        self._metrics.alerts.labels("critical").inc()
        logger.critical(what)

    # ---- keeping house

    def _keep_house(self) -> None:
        while not self._stop.wait(HOUSEKEEPING_SECONDS):
            try:
                self._tend()
            except Unavailable:
                continue
            except Exception:
                logger.exception("housekeeping failed")

    def _tend(self) -> None:
        self._telemetry.add_up()
        self._metrics.snapshot_age.set(self._snapshot.age_ms() / 1000)
        if self._reload_mark.value() != self._reload_seen:
            with contextlib.suppress(Misconfigured):
                # Logged where it was found; the running settings stay.
                self._reload_here()
        try:
            self._metrics.champions.set(len(self._forecaster.serving().models))
            self._metrics.champions_refused.set(sum(1 for one in self._forecaster.health() if one["refused"]))
            self._metrics.journal_rows.set(self._recorder.waiting_rows())
            view = self._snapshot.view()
            settle(view, store=self._store, kill_file=self._kill_file)
            self._document()
            if self._durability is None:
                self._durability = durability_flaws(self._database)
                for flaw in self._durability:
                    logger.critical("acknowledged rows may be lost in a power cut: %s", flaw)
        except Unavailable:
            return

    def _document(self) -> None:
        """Decisions name their settings by hash; the document behind each is stored once."""
        self._undocumented.setdefault(self.settings.hash, self.settings.document())
        for settings_hash, document in list(self._undocumented.items()):
            if document is None:
                continue
            with self._store.begin() as tx:
                tx.save_settings_document(settings_hash, document, self.parts.now_ms())
            self._undocumented[settings_hash] = None

    # ---- settings while running

    def _reload_everywhere(self, actor: str) -> dict[str, Any]:
        before = self.settings
        told = self._reload_here()
        with self._store.begin() as tx:
            tx.append_audit(
                self.parts.now_ms(), actor, "settings.reloaded", self.settings.hash, {"before": before.hash, **told}
            )
        self._reload_mark.bump()
        self._reload_seen = self._reload_mark.value()
        return {"settings_hash": self.settings.hash, **told}

    def _reload_here(self) -> dict[str, list[str]]:
        self._reload_seen = self._reload_mark.value()
        old = self.settings
        try:
            loaded = load_settings()
            seeded = read_keys(loaded.security.api_keys_file)
            new = running(old, loaded)
            if flaws := weak_admin_key(new):
                raise Misconfigured(flaws)
        except Misconfigured as error:
            logger.error("the settings were not reloaded: %s", error)
            raise
        waiting = needs_restart(old, loaded)
        changed = [path for path in changed_paths(old, loaded) if path not in waiting]
        # The document behind the new hash is stored by the housekeeping, again and again until it is.
        self.settings = new
        self._snapshot.use_settings(new.gate_policy, new.hash, new.adaptation.exploration, feature_source(new))
        self.parts.live = live(self.settings, seeded)
        self.parts.limiter = limiter(self.settings)
        logs.set_level(self.settings.logging.level)
        logger.info("settings reloaded: %s", ", ".join(changed) or "nothing changed")
        return {"changed": changed, "needs_restart": list(waiting)}

    # ---- health

    def _health(self) -> dict[str, Any]:
        stale = self._snapshot.is_stale()
        rows = self._metrics_rows()
        degraded = ["database_away"] if stale else []
        if rows:
            degraded.append("journal_waiting")
        if self._durability:
            degraded.append("durability")
        champions = self._forecaster.health()
        if any(one["refused"] for one in champions):
            degraded.append("champion_refused")
        view = self._snapshot.view()
        return {
            "status": "degraded" if degraded else "ok",
            "mode": self._mode(),
            "version": VERSION,
            "degraded": degraded,
            "environment": self.settings.environment,
            "settings_hash": view.settings_hash,
            "snapshot": {"generation": view.generation, "age_ms": self._snapshot.age_ms(), "stale": stale},
            "journal_rows": rows,
            "durability": list(self._durability or ()),
            "kill_switch": view.killed("*"),
            "champions": champions,
            "database": "sqlite" if self.settings.is_embedded else "postgresql",
            "process": os.getpid(),
        }

    def _metrics_rows(self) -> int | None:
        try:
            return self._recorder.waiting_rows()
        except Unavailable:
            return None

    def _mode(self) -> str:
        keys = self.parts.live.admin_key or self.parts.live.seeded_keys or self._snapshot.view().keys
        if self.parts.trusted:
            return "trusted-network"
        return "keys" if keys else "development"


class MarkedKillFile:
    """The kill file; every turn is announced to the other processes of this host."""

    def __init__(self, file: LocalKillFile, announce: Callable[[], None]) -> None:
        self._file = file
        self._announce = announce
        self.read = file.read
        self.fingerprint = file.fingerprint

    def turn(self, kill: Kill) -> None:
        self._file.turn(kill)
        self._announce()

    def heard(self, kill: Kill) -> None:
        self._file.heard(kill)
        self._announce()


def pooling(settings: Settings) -> Pooling:
    database = settings.database
    return Pooling(
        size=database.pool_size,
        overflow=database.pool_overflow,
        timeout_s=database.pool_timeout_s,
        recycle_s=database.pool_recycle_s,
        connect_timeout_ms=database.connect_timeout_ms,
        answer_timeout_ms=database.answer_timeout_ms,
        echo=database.echo,
    )


def patience(settings: Settings) -> Patience:
    recording = settings.recording
    return Patience(
        journal_wait_ms=recording.journal_wait_ms,
        outcome_wait_ms=recording.outcome_wait_ms,
        unrecorded_rows_max=recording.unrecorded_rows_max,
        decisions_sync_full=recording.decision_sync == "full",
    )


def lane_sizes(settings: Settings) -> dict[LaneName, LaneSize]:
    server = settings.server
    wait_ms = server.slot_wait_ms
    return {
        "decide": LaneSize(server.decision_slots, server.decision_waiting, wait_ms),
        "record": LaneSize(server.store_slots, server.outcome_waiting, wait_ms * 20),
        "store": LaneSize(server.store_slots, server.store_slots, wait_ms * 10),
        # Short work among it, such as one scope's adaptation, is worth a wait behind the long.
        "slow": LaneSize(server.slow_slots, 8 * server.slow_slots, wait_ms * 10),
        "shed": LaneSize(1, server.threads, SHED_WAIT_MS),
    }


def live(settings: Settings, seeded: dict[str, Any]) -> Live:
    key = settings.security.admin_key
    return Live(
        # The key of an example file is known to everybody and opens nothing.
        admin_key=key.get_secret_value() if key is not None and has_admin_key(settings) else None,
        seeded_keys=seeded,
        record_wait_ms=settings.recording.record_wait_ms,
        body_bytes_max=settings.server.body_bytes_max,
        batch_bytes_max=settings.server.batch_bytes_max,
        metrics_enabled=settings.monitoring.metrics_enabled,
        adaptation=settings.adaptation_policy,
    )


def limiter(settings: Settings) -> Limiter | NoLimit:
    if not settings.security.rate_limit_enabled:
        return NoLimit()
    url = settings.redis.url.get_secret_value() if settings.redis.enabled and settings.redis.url else None
    return Limiter(settings.security.rate_limit_per_minute, url)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


ONLY_AT_START = ("environment", "data_dir", "server", "database", "redis", "retention", "trades", "notify", "models")


def running(old: Settings, loaded: Settings) -> Settings:
    """The loaded settings, with what only a restart can change left as it is."""
    kept: dict[str, Any] = {name: getattr(old, name) for name in ONLY_AT_START}
    security = {name: getattr(old.security, name) for name in ("trusted_network", "cors_origins", "signing_key")}
    kept["security"] = loaded.security.model_copy(update=security)
    kept["recording"] = old.recording.model_copy(update={"record_wait_ms": loaded.recording.record_wait_ms})
    kept["logging"] = old.logging.model_copy(update={"level": loaded.logging.level})
    return loaded.model_copy(update=kept)


def open_process(settings: Settings) -> WebProcess:
    log = logs.configure(
        settings.logging.level,
        settings.logging.format,
        settings.logging.file_path,
        settings.logging.max_file_bytes,
        settings.logging.backup_count,
        "web",
    )
    process = WebProcess(settings, log)
    process.start()
    for notice in settings.notices:
        logger.warning("setting: %s", notice)
    return process


def feature_source(settings: Settings) -> FeatureSource:
    return FeatureSource(settings.market.venue, settings.market.interval, SCHEMA.hash)
