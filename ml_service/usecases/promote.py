"""Let a set serve its place. Whether it deserves to is asked before; here, whether it can."""

from collections.abc import Callable

from ml_service.domain.events import ModelPromoted, ModelRetired, ModelTurnedDown
from ml_service.domain.models.champions import Reign, after_promotion
from ml_service.domain.models.lifecycle import succession
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.slots import Place
from ml_service.domain.models.verification import fit_to_serve, untried
from ml_service.errors import Conflict, InvalidInput, ModelRefused, NotFound
from ml_service.features.schema import SCHEMA
from ml_service.ports import Shelf, Store


def promote(
    set_id: str,
    *,
    actor: str,
    reason: str,
    now_ms: int,
    store: Store,
    shelf: Shelf,
    key: SigningKey,
    symbol: str | None = None,
    regime: str | None = None,
    try_out: Callable[[ModelSet], object] = untried,
) -> tuple[Reign, bool]:
    """The reign that lasts now, and whether it is a new one: what serves already is not promoted twice. `try_out` runs
    the graph once, where there is something to run it with: `ModelRefused` where it does not run. A symbol or a regime
    that is named has to be the set's own."""
    with store.read() as reading:
        record = reading.model_set(set_id)
        if record is None:
            raise NotFound(f"no set {set_id!r}")
        members = reading.models_of_set(set_id)
    for name, wanted, own in (("symbol", symbol, record.place.symbol), ("regime", regime, record.place.regime)):
        if wanted not in (None, own):
            raise InvalidInput.at(name, f"expected {own}, where set {set_id} serves, found {wanted}")
    try:
        # Before the transaction: a large file must not hold up those who write.
        try_out(fit_to_serve(record, members, key, SCHEMA.hash, now_ms, shelf.read))
    except ModelRefused as error:
        with store.begin() as tx:
            tx.publish(ModelTurnedDown(set_id, *record.place, str(error)), now_ms)
        raise
    with store.begin() as tx:
        tx.lock_models()
        head = tx.reign(record.place)
        if head is not None and head.set_id == set_id:
            return head, False
        entering = tx.models_of_set(set_id)
        for model in entering:
            if model.status not in ("SHADOW", "ACTIVE"):
                raise Conflict(
                    f"model {model.model_id} is {model.status} ({model.reason}): expected SHADOW or ACTIVE; what a"
                    " promotion replaced comes back by a rollback of it, all else by the same training once more",
                    "wrong_status",
                )
        leaving = tx.models_of_set(head.set_id) if head is not None and head.set_id is not None else []
        for model in succession(leaving, entering, now_ms, f"set {set_id} took its place"):
            tx.update_model(model)
            if model.status == "RETIRED":
                tx.publish(ModelRetired(model.model_id, *model.slot, model.version, model.reason or ""), now_ms)
        reign = after_promotion(head, record.place, set_id, now_ms, actor, reason)
        saved = tx.save_reign(reign)
        assert saved, "models are locked, and yet another set took the place"
        former = head.set_id if head is not None else None
        tx.publish(ModelPromoted(set_id, *record.place, former, actor, reason), now_ms)
        details = {"symbol": record.place.symbol, "regime": record.place.regime, "former": former, "reason": reason}
        tx.append_audit(now_ms, actor, "model.promoted", set_id, details)
        return reign, True


def newest_candidate(place: Place, model_type: str, *, store: Store) -> SetRecord:
    """The newest set of a place in which a model of that type waits as a shadow, and no other is retired."""
    with store.read() as reading:
        record = reading.newest_candidate(place, model_type)
    if record is None:
        raise NotFound(f"no set of {place.symbol} in {place.regime} with a shadow of type {model_type!r}")
    return record
