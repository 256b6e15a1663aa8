"""Hand events to their handlers; mark what is done, try again what failed, set aside what keeps failing."""

import logging

from ml_service.errors import Unavailable
from ml_service.worker.handlers import HANDLERS
from ml_service.worker.parts import Parts

logger = logging.getLogger(__name__)

BATCH = 500
ATTEMPTS_MAX = 8
FIRST_PAUSE_MS = 1_000


def hand_out(parts: Parts) -> int:
    """How many events were looked at."""
    waiting = parts.outbox.waiting(parts.now_ms(), BATCH)
    done = []
    for event in waiting:
        try:
            for handler in HANDLERS.get(event.kind, ()):
                handler(event.payload, parts)
            done.append(event.id)
        except Unavailable:
            raise
        except Exception as error:
            # One event's trouble must not hold up the others.
            logger.exception("event %d (%s) failed", event.id, event.kind)
            last = event.attempts + 1 >= ATTEMPTS_MAX
            pause = None if last else parts.now_ms() + FIRST_PAUSE_MS * 2**event.attempts
            parts.outbox.failed(event, repr(error), pause)
            if last:
                parts.notifier.alert("critical", "event.set_aside", {"id": event.id, "kind": event.kind})
    if done:
        parts.outbox.handled(done, parts.now_ms())
    return len(waiting)
