"""Make a set whose weights follow what its members proved worth live: another set, which serves once it is promoted."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ml_service.domain.ids import ENTROPY_BYTES, decision_id
from ml_service.domain.models.evidence import REWEIGHED
from ml_service.domain.models.record import SetRecord, record_of, same_as
from ml_service.domain.models.reweighing import Reweighed, evidence_document, reweighed
from ml_service.domain.models.set_document import provenance_of, signed_set
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.verification import verified_set
from ml_service.errors import Conflict, NotFound
from ml_service.features.schema import SCHEMA
from ml_service.ports import Reading, Store

PREDICTIONS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Made:
    record: SetRecord
    is_new: bool
    found: Reweighed


def reweigh(
    set_id: str, *, actor: str, now_ms: int, store: Store, key: SigningKey, entropy: Callable[[int], bytes]
) -> Made:
    """The same evidence once more is the set that is there already. `Conflict` with the numbers where it is too little.

    Only predictions that moved no weights before count: a set made here looks at what came after its own evidence.
    """
    with store.read() as reading:
        record = reading.model_set(set_id)
        if record is None:
            raise NotFound(f"no set {set_id!r}")
        if record.archived_at_ms is not None:
            raise NotFound(f"the models of set {set_id} are no longer kept")
        if record.has_expired(now_ms):
            # Another set of the same models would be as old.
            raise Conflict(f"set {set_id} has expired", "expired")
        models = verified_set(record.opened().signed, key, SCHEMA.hash)
        line = descent(record, reading)
        since_ms = int(provenance_of(record.signed).get(REWEIGHED, {}).get("until_ms", line[-1].created_at_ms))
        sets = [one.set_id for one in line]
        read = reading.resolved(sets, since_ms, now_ms, PREDICTIONS_MAX)
    found = reweighed(models, read)
    if isinstance(found, str):
        raise Conflict(found, "too_little_evidence")
    until_ms = max(row.known_at_ms for row in read) + 1
    with store.begin() as tx:
        tx.lock_models()
        standing = same_as(found.models, map(tx.model_set, tx.sets_of_model(models.members[0].model_id)))
        if standing is not None:
            return Made(standing, False, found)
        for model in tx.models_of_set(set_id):
            if model.status not in ("SHADOW", "ACTIVE"):
                raise Conflict(f"model {model.model_id} is {model.status}: expected SHADOW or ACTIVE", "wrong_status")
        named = replace(
            found.models, set_id=decision_id(now_ms, entropy(ENTROPY_BYTES)), version=tx.next_set_version(record.place)
        )
        evidence = evidence_document(found, set_id, sets, since_ms, until_ms)
        made = record_of(signed_set(named, {REWEIGHED: evidence}, key), now_ms)
        tx.save_set(made)
        tx.append_audit(
            now_ms, actor, "model.reweighed", made.set_id, {"from": set_id, "episodes": evidence["episodes"]}
        )
        return Made(made, True, found)


def descent(record: SetRecord, reading: Reading) -> list[SetRecord]:
    """The set, the one it was made of, and so on to the one that was trained. All have the same members and graph, so
    what any of them said in the meantime is evidence."""
    line = [record]
    while (former := provenance_of(line[-1].signed).get(REWEIGHED, {}).get("from")) is not None:
        found = reading.model_set(former)
        if found is None or found.graph_sha256 != record.graph_sha256 or found in line:
            break
        line.append(found)
    return line
