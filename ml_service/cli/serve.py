"""Start one web server in this process: Granian, or gunicorn one setting apart."""

import os
import sys
from pathlib import Path

from ml_service.adapters.telemetry.metrics_folder import FOLDER_VARIABLE, prepare_folder
from ml_service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
APP = "app:create_app"
CONNECTIONS_WAITING = 1024
HEADER_MS = 10_000


def serve(settings: Settings, app: str = APP) -> None:
    """Does not return before the server has stopped. `app` names a factory; the benchmarks bring their own."""
    if not os.environ.get(FOLDER_VARIABLE):
        prepare_folder(settings.data_dir / "metrics")
    os.chdir(ROOT)
    if settings.server.kind == "gunicorn":
        serve_gunicorn(settings, app)
    serve_granian(settings, app)


def serve_granian(settings: Settings, app: str) -> None:
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        app,
        factory=True,
        address=settings.server.host,
        port=settings.server.port,
        interface=Interfaces.WSGI,
        workers=settings.server.workers,
        blocking_threads=settings.server.threads,
        backlog=CONNECTIONS_WAITING,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS),
        loop=Loops.asyncio,
        websockets=False,
        # Errors alone: its one warning is about the number of threads, most of which wait for a commit.
        log_level=LogLevels.error,
        # Dead workers come back; the server itself leaves this off.
        respawn_failed_workers=True,
        respawn_interval=0.2,
        workers_kill_timeout=max(1, settings.server.request_timeout_s - 5),
        working_dir=ROOT,
    ).serve()


def serve_gunicorn(settings: Settings, app: str) -> None:
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    os.environ["ML_SERVICE_BIND"] = f"{host}:{settings.server.port}"
    os.environ["ML_SERVICE_WEB_WORKERS"] = str(settings.server.workers)
    os.environ["ML_SERVICE_WEB_THREADS"] = str(settings.server.threads)
    config = str(ROOT / "config" / "gunicorn.conf.py")
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", config, f"{app}()"])
