"""Put an earlier champion of a place back, or nobody where there is none. It needs no worker, and no gate: what served
before may serve again. One that cannot serve any more does not stand in the way: the one before it is taken."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from ml_service.domain.events import ModelRetired, ModelRolledBack, ModelTurnedDown
from ml_service.domain.models.champions import PassedOver, Reign, after_rollback
from ml_service.domain.models.lifecycle import succession, withdrawal
from ml_service.domain.models.record import ModelRecord
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.slots import Place
from ml_service.domain.models.verification import fit_to_serve, untried
from ml_service.errors import Conflict, ModelRefused, NotFound
from ml_service.features.schema import SCHEMA
from ml_service.ports import Reading, Shelf, Store, Writing

NOBODY = "nobody"
NAMED_MAX = 3
"""So many of those that were passed over are named in a message; the rest is counted."""


class RolledBack(NamedTuple):
    reign: Reign
    """The one that lasts now."""
    changed: bool
    """Whether it is a new one."""
    passed_over: tuple[PassedOver, ...] = ()
    """Earlier champions that cannot serve any more, the newest first."""


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
    to_nobody: bool = False,
    try_out: Callable[[ModelSet], object] = untried,
) -> RolledBack:
    """`away_from` names the set that is to go: asked twice, or by two at once, it goes once. `try_out` runs the graph
    once, where there is something to run it with: `ModelRefused` where it does not run."""
    with store.read() as reading:
        head = reading.reign(place)
        if head is not None and away_from is not None and head.set_id != away_from:
            return RolledBack(done_already(reading, head, away_from), False)
        if head is None or head.set_id is None:
            raise NotFound(f"no set serves {place.symbol} in {place.regime}")
        earlier = [] if to_nobody else reading.reigns_before(head)
    # Before the transaction: large files must not hold up those who write.
    former, passed_over = nearest(earlier, partial(objection_to, now_ms, store, shelf, key, try_out))
    restored = former.set_id if former is not None else None
    if passed_over and restored is None:
        with store.begin() as tx:
            tell(tx, place, passed_over, now_ms)
        raise Conflict(no_former(head, passed_over), "no_former")
    with store.begin() as tx:
        tx.lock_models()
        present = tx.reign(place)
        if present != head:
            if present is not None and away_from not in (None, present.set_id):
                return RolledBack(done_already(tx, present, str(away_from)), False)
            raise Conflict("the champion was changed by others at the same moment; look again", "overtaken")
        for model in changes(tx, head.set_id, restored, now_ms):
            tx.update_model(model)
            if model.status == "RETIRED":
                tx.publish(ModelRetired(model.model_id, *model.slot, model.version, model.reason or ""), now_ms)
        reign = after_rollback(head, former, now_ms, actor, reason)
        saved = tx.save_reign(reign)
        assert saved, "models are locked, and yet another set took the place"
        tell(tx, place, passed_over, now_ms)
        tx.publish(ModelRolledBack(reign.set_id, *place, head.set_id, actor, reason), now_ms)
        details = {
            "symbol": place.symbol,
            "regime": place.regime,
            "former": head.set_id,
            "reason": reason,
            "passed_over": {one.set_id: one.why for one in passed_over},
        }
        tx.append_audit(now_ms, actor, "model.rolled_back", reign.set_id or NOBODY, details)
        return RolledBack(reign, True, passed_over)


def nearest(
    earlier: Sequence[Reign], objection: Callable[[str], PassedOver | None]
) -> tuple[Reign | None, tuple[PassedOver, ...]]:
    """The first whose set can serve, or when nobody served, and the sets before it that cannot."""
    passed_over: dict[str, PassedOver] = {}
    for reign in earlier:
        if reign.set_id in passed_over:
            continue
        found = objection(reign.set_id) if reign.set_id is not None else None
        if found is None:
            return reign, tuple(passed_over.values())
        passed_over[found.set_id] = found
    return None, tuple(passed_over.values())


def objection_to(
    now_ms: int, store: Store, shelf: Shelf, key: SigningKey, try_out: Callable[[ModelSet], object], set_id: str
) -> PassedOver | None:
    with store.read() as reading:
        record = reading.model_set(set_id)
        assert record is not None, "a set that served is never deleted"
        members = reading.models_of_set(set_id)
    try:
        try_out(fit_to_serve(record, members, key, SCHEMA.hash, now_ms, shelf.read))
    except (ModelRefused, Conflict) as error:
        return PassedOver(set_id, str(error), isinstance(error, ModelRefused))
    return None


def tell(tx: Writing, place: Place, passed_over: Sequence[PassedOver], now_ms: int) -> None:
    for one in passed_over:
        if one.is_damaged:
            tx.publish(ModelTurnedDown(one.set_id, *place, one.why), now_ms)


def no_former(head: Reign, passed_over: Sequence[PassedOver]) -> str:
    named = "; ".join(f"set {one.set_id}: {one.why}" for one in passed_over[:NAMED_MAX])
    more = f"; and {len(passed_over) - NAMED_MAX} more" if len(passed_over) > NAMED_MAX else ""
    return (
        f"no earlier champion of {head.place.symbol} in {head.place.regime} can serve any more ({named}{more}), so set"
        f' {head.set_id} goes on. To nobody (--to nobody, or "to": "nobody"), the place is left empty: the next set'
        " in (symbol, regime), (symbol), all speaks there, and where there is none, the thresholds decide alone"
    )


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
