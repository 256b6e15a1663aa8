"""Before anything listens: sound settings, and a database in today's shape."""

import contextlib
import sys
from collections.abc import Callable

from ml_service.adapters.local_copy import LocalCopy
from ml_service.adapters.store.schema import MARKET, await_database, upgrade
from ml_service.cli.safe_start import LOOK_MS, refuse_unsafe
from ml_service.errors import StoreUnavailable
from ml_service.settings import Settings

PATIENCE_SECONDS = 10.0
RETRY_SECONDS = 1.0


def prepare(settings: Settings) -> bool:
    """Whether the database is in today's shape; False where it does not answer and has to be brought up later."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    away = decides_from_copy(settings)
    refuse_unsafe(settings, away)
    for notice in settings.notices:
        print(f"note: {notice}", file=sys.stderr)
    if away:
        print("the database does not answer: starting from the last snapshot", file=sys.stderr)
        return False
    try:
        bring_up(settings)
    except StoreUnavailable:
        if settings.is_embedded or not await_database(settings.database_url, PATIENCE_SECONDS):
            raise
        bring_up(settings)
    return True


def bring_up_later(settings: Settings, stopping: Callable[[float], bool]) -> None:
    """As soon as the database answers. Whoever decides meanwhile does so from the last snapshot."""
    while not stopping(RETRY_SECONDS):
        if await_database(settings.database_url, 0.0, LOOK_MS):
            with contextlib.suppress(StoreUnavailable):
                bring_up(settings)
                print("the database answers, and is in today's shape", file=sys.stderr, flush=True)
                return


def bring_up(settings: Settings) -> None:
    upgrade(settings.database_url)
    upgrade(settings.market_url, line=MARKET)


def decides_from_copy(settings: Settings) -> bool:
    """Whether the database keeps silent while there is something of an earlier run to decide from."""
    kept = LocalCopy(settings.data_dir, settings.database_url).load()
    return kept is not None and not await_database(settings.database_url, 0.0, LOOK_MS)
