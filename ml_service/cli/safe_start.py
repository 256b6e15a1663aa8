"""What would make a start unsafe: to ask nobody for a key where others can call, or to share a port with a stranger."""

import contextlib
import socket
import time

from ml_service.adapters.keys_file import read_keys
from ml_service.adapters.signing_key import load_signing_key
from ml_service.errors import FieldError, Misconfigured, StoreUnavailable
from ml_service.settings import Settings, unsafe_start

LOOK_MS = 750
"""How long a start waits for the database where this host has a snapshot to start from: at most once before the
processes start, once in the web server's command and once in its process, so that the first answer comes within five
seconds."""
PORT_SECONDS = 3.0
"""The processes of a service that was killed a moment ago may take as long to let go of their port."""


def refuse_unsafe(settings: Settings, away: bool = False) -> None:
    """`away`: the database was asked a moment ago and did not answer."""
    load_signing_key(settings.data_dir, settings.security.signing_key)
    keys = len(read_keys(settings.security.api_keys_file))
    if unsafe_start(settings, keys):
        keys += stored_keys(settings, away)
    flaws = unsafe_start(settings, keys)
    if flaws:
        raise Misconfigured(flaws)


def stored_keys(settings: Settings, away: bool) -> int:
    """Live keys made earlier, in the database or as this host last saw them."""
    # Imported here: only a service that is open to others has to ask, and the web server's command, which asks nothing
    # else of a database, is up half a second sooner without.
    from sqlalchemy.exc import DBAPIError

    from ml_service.adapters.local_copy import LocalCopy
    from ml_service.adapters.store.database import Database, Pooling
    from ml_service.adapters.store.sql import SqlStore

    kept = LocalCopy(settings.data_dir, settings.database_url).load()
    known = kept.keys if kept is not None else ()
    if not away:
        database = Database(settings.database_url, Pooling() if kept is None else Pooling(answer_timeout_ms=LOOK_MS))
        # Away, or never built.
        with contextlib.suppress(StoreUnavailable, DBAPIError), SqlStore(database).read() as reading:
            known = reading.all_keys()
        database.close()
    now_ms = time.time_ns() // 1_000_000
    return sum(key.is_live(now_ms) for key in known)


def refuse_taken_port(settings: Settings) -> None:
    """The server shares its port among its own workers, so it would share it with a stranger's as well."""
    deadline = time.monotonic() + PORT_SECONDS
    while (trouble := taken(settings.server.host, settings.server.port)) is not None:
        if time.monotonic() > deadline:
            where = f"{settings.server.host}:{settings.server.port}"
            message = f"nothing can listen on {where} ({trouble}); is the service running already?"
            raise Misconfigured((FieldError("server.port (PORT)", message),))
        time.sleep(0.1)


def taken(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None
