"""Put the former champion of a place back, or nobody where there is none. It needs no worker, and no gate: what served
before may serve again."""

from ml_service.domain.events import ModelRetired, ModelRolledBack, ModelTurnedDown
from ml_service.domain.models.champions import Reign, after_rollback
from ml_service.domain.models.lifecycle import succession, withdrawal
from ml_service.domain.models.record import ModelRecord
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.slots import Place
from ml_service.domain.models.verification import fit_to_serve
from ml_service.errors import Conflict, ModelRefused, NotFound
from ml_service.features.schema import SCHEMA
from ml_service.ports import Reading, Shelf, Store

NOBODY = "nobody"


def rollback(
    place: Place,
    *,
    away_from: str | None,
    actor: str,
    reason: str,
    now_ms: int,
    store: Store,
    shelf: Shelf,
    key: SigningKey,
) -> tuple[Reign, bool]:
    """The reign that lasts now, and whether it is a new one. `away_from` names the set that is to go: asked twice, or
    by two at once, it goes once."""
    with store.read() as reading:
        head = reading.reign(place)
        if head is not None and away_from is not None and head.set_id != away_from:
            return done_already(reading, head, away_from), False
        if head is None or head.set_id is None:
            raise NotFound(f"no set serves {place.symbol} in {place.regime}")
        former = reading.reign(place, head.former) if head.former is not None else None
    restored = former.set_id if former is not None else None
    if restored is not None:
        check(restored, place, now_ms, store, shelf, key)
    with store.begin() as tx:
        tx.lock_models()
        present = tx.reign(place)
        if present != head:
            if present is not None and away_from not in (None, present.set_id):
                return done_already(tx, present, str(away_from)), False
            raise Conflict("the champion was changed by others at the same moment; look again", "overtaken")
        for model in changes(tx, head.set_id, restored, now_ms):
            tx.update_model(model)
            if model.status == "RETIRED":
                tx.publish(ModelRetired(model.model_id, *model.slot, model.version, model.reason or ""), now_ms)
        reign = after_rollback(head, former, now_ms, actor, reason)
        saved = tx.save_reign(reign)
        assert saved, "models are locked, and yet another set took the place"
        tx.publish(ModelRolledBack(reign.set_id, *place, head.set_id, actor, reason), now_ms)
        details = {"symbol": place.symbol, "regime": place.regime, "former": head.set_id, "reason": reason}
        tx.append_audit(now_ms, actor, "model.rolled_back", reign.set_id or NOBODY, details)
        return reign, True


def check(set_id: str, place: Place, now_ms: int, store: Store, shelf: Shelf, key: SigningKey) -> None:
    """`ModelRefused` where what served before cannot serve any more."""
    with store.read() as reading:
        record = reading.model_set(set_id)
        assert record is not None, "a set that served is never deleted"
        members = reading.models_of_set(set_id)
    try:
        fit_to_serve(record, members, key, SCHEMA.hash, now_ms, shelf.read)
    except ModelRefused as error:
        with store.begin() as tx:
            tx.publish(ModelTurnedDown(set_id, *place, str(error)), now_ms)
        raise


def changes(tx: Reading, leaving: str, entering: str | None, now_ms: int) -> list[ModelRecord]:
    models = tx.models_of_set(leaving)
    if entering is None:
        return withdrawal(models, now_ms)
    return succession(models, tx.models_of_set(entering), now_ms, f"rolled back to set {entering}")


def done_already(reading: Reading, head: Reign, away_from: str) -> Reign:
    former = reading.reign(head.place, head.revision - 1)
    if head.step == "rolled_back" and former is not None and former.set_id == away_from:
        return head
    raise Conflict(f"expected set {away_from} to serve, found {head.set_id}", "overtaken")
