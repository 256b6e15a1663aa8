"""What time does to models: trainings are given up, shadows expire, champions grow too old, files go."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial

from ml_service.domain.events import ModelExpired, ModelRetired
from ml_service.domain.models.lifecycle import moved
from ml_service.domain.models.record import ModelRecord, SetRecord
from ml_service.domain.models.slots import Status
from ml_service.ports import Reading, Shelf, Store, Writing

HOUR_MS = 3_600_000
GIVEN_UP_MS = 48 * HOUR_MS
"""No training takes so long: whoever was at it is gone."""
UNNAMED_MS = 24 * HOUR_MS
"""A file lies on the shelf before the row that names it is written."""
MODELS_AT_ONCE = 200
TOLD = "champions_expired"


@dataclass(frozen=True, slots=True)
class Tidied:
    given_up: int
    expired: int
    champions_expired: int
    archived: int
    files_dropped: int


def tidy_models(
    retired_files_ms: int, *, now_ms: int, store: Store, shelf: Shelf, may_go_on: Callable[[], bool] = lambda: True
) -> Tidied:
    return Tidied(
        given_up=each("TRAINING", now_ms - GIVEN_UP_MS, give_up, now_ms, store, may_go_on),
        expired=each("SHADOW", now_ms, expire, now_ms, store, may_go_on),
        champions_expired=tell_of_expired_champions(now_ms, store),
        archived=sum(
            each(
                status, now_ms - retired_files_ms, archive, now_ms, store, may_go_on, partial(kept_for_rollback, now_ms)
            )
            for status in ("RETIRED", "FAILED")
        ),
        files_dropped=drop_unnamed(now_ms, store, shelf, may_go_on),
    )


def each(
    status: Status,
    before_ms: int,
    change: Callable[[Writing, ModelRecord, int], None],
    now_ms: int,
    store: Store,
    may_go_on: Callable[[], bool],
    spared: Callable[[Reading], Collection[str]] = lambda reading: (),
) -> int:
    """How many were changed, of those that are due and in no set that is spared; the rest waits for the next time."""
    if not may_go_on():
        return 0
    with store.read() as reading:
        if not reading.models_to_tidy(status, before_ms, 1, spared(reading)):
            return 0
    with store.begin() as tx:
        tx.lock_models()
        due = tx.models_to_tidy(status, before_ms, MODELS_AT_ONCE, spared(tx))
        for model in due:
            change(tx, model, now_ms)
        return len(due)


def give_up(tx: Writing, model: ModelRecord, now_ms: int) -> None:
    tx.update_model(moved(model, "FAILED", now_ms, "the training never ended"))


def expire(tx: Writing, model: ModelRecord, now_ms: int) -> None:
    tx.update_model(moved(model, "RETIRED", now_ms, "expired"))
    tx.publish(ModelRetired(model.model_id, *model.slot, model.version, "expired"), now_ms)


def archive(tx: Writing, model: ModelRecord, now_ms: int) -> None:
    """Its files may go, and with them the graphs of all sets that name it."""
    for record in tx.sets_to_archive(model.model_id):
        tx.update_set(replace(record, archived_at_ms=now_ms))
    tx.update_model(replace(model, archived_at_ms=now_ms))


def kept_for_rollback(now_ms: int, reading: Reading) -> set[str]:
    """The sets that serve, and the ones that they would give way to: the newest before them, and those before that one
    up to the first that is not too old."""
    kept: set[str] = set()
    for head in reading.reigns():
        for reign in (head, *reading.reigns_before(head)):
            record = reading.model_set(reign.set_id) if reign.set_id is not None else None
            if record is None:
                break
            kept.add(record.set_id)
            if reign is not head and not record.has_expired(now_ms):
                break
    return kept


def tell_of_expired_champions(now_ms: int, store: Store) -> int:
    """Each once: it stays the champion of its place, and does not serve."""
    with store.begin() as tx:
        told_ms = int(tx.cursor(TOLD) or 0)
        expired: list[SetRecord] = []
        for head in tx.reigns():
            record = tx.model_set(head.set_id) if head.set_id is not None else None
            if record is not None and record.expires_at_ms is not None and told_ms < record.expires_at_ms <= now_ms:
                expired.append(record)
        for record in expired:
            tx.publish(ModelExpired(record.set_id, *record.place), now_ms)
        if now_ms > told_ms:
            tx.save_cursor(TOLD, str(now_ms))
        return len(expired)


def drop_unnamed(now_ms: int, store: Store, shelf: Shelf, may_go_on: Callable[[], bool]) -> int:
    with store.read() as reading:
        named = reading.files_named()
    gone = 0
    # Asked for one by one, and after the names: what was put there or used again meanwhile is too young to be told of.
    for sha256 in shelf.stored(now_ms - UNNAMED_MS):
        if sha256 not in named and may_go_on():
            shelf.drop(sha256)
            gone += 1
    return gone
