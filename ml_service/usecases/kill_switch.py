"""Stop all new risk: on this host at once, then everywhere through the database."""

from dataclasses import replace

from ml_service.domain.events import KillSwitchTurned
from ml_service.domain.types import Kill
from ml_service.domain.view import View
from ml_service.errors import NotKept, Unavailable
from ml_service.ports import KillFile, Store


def turn(kill: Kill, *, store: Store, kill_file: KillFile) -> bool:
    """Whether the database has heard it yet; the file of this host decides until then. Either may be out of order:
    only when neither takes it, it was not turned."""
    in_file = True
    try:
        kill_file.turn(kill)
    except NotKept:
        in_file = False
    try:
        write_down(kill, store, late=False)
    except Unavailable:
        if not in_file:
            raise
        return False
    if in_file:
        kill_file.heard(kill)
    return True


def settle(view: View, *, store: Store, kill_file: KillFile) -> None:
    """Tell the database what it missed while it was away."""
    for local in view.local_kills.values():
        if not local.heard:
            write_down(local.kill, store, late=True)
            kill_file.heard(local.kill)


def write_down(kill: Kill, store: Store, *, late: bool) -> None:
    """`late`: it was turned while the database was away, and others may have turned it since."""
    with store.begin() as tx:
        stored = tx.kill_to_change(kill.user_id)
        if stored is not None and stored.changed_at_ms >= kill.changed_at_ms:
            if is_same_turn(stored, kill) or (late and (stored.on or not kill.on)):
                # Known already; or another host switched on later than this one switched off: on wins.
                return
            # The clocks disagree, or one was set back. A host whose file remembers the later time must not take
            # this turn for an older one.
            kill = replace(kill, changed_at_ms=stored.changed_at_ms + 1)
        tx.save_kill(kill)
        tx.publish(KillSwitchTurned(kill.user_id, kill.on, kill.reason, kill.actor), kill.changed_at_ms)
        tx.append_audit(
            kill.changed_at_ms,
            kill.actor,
            "kill_switch.on" if kill.on else "kill_switch.off",
            kill.user_id,
            {"reason": kill.reason},
        )


def is_same_turn(stored: Kill, kill: Kill) -> bool:
    return replace(stored, changed_at_ms=kill.changed_at_ms) == kill
