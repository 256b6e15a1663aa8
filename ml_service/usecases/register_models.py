"""Put what a training came to on the shelf and into the registry: its models as shadows, and the set they make."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ml_service.domain.events import ModelTrained
from ml_service.domain.ids import ENTROPY_BYTES, decision_id
from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.lifecycle import moved
from ml_service.domain.models.model_document import model_document
from ml_service.domain.models.record import FileFacts, ModelRecord, SetRecord, record_of, same_as
from ml_service.domain.models.set_document import signed_set
from ml_service.domain.models.sets import Member, ModelSet
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.slots import Place, Slot
from ml_service.errors import Conflict, InvalidInput, NotFound
from ml_service.ports import Shelf, Store, Writing

Entropy = Callable[[int], bytes]


class FinishedModel(Protocol):
    @property
    def slot(self) -> Slot: ...
    @property
    def schema_hash(self) -> str: ...
    @property
    def native(self) -> bytes: ...
    @property
    def onnx(self) -> bytes: ...
    @property
    def manifest(self) -> Mapping[str, Any]:
        """All that it takes to make it again; `metrics` for lists, and `parent` where it went on from another."""


class FinishedSet(Protocol):
    @property
    def place(self) -> Place: ...
    @property
    def models(self) -> Sequence[FinishedModel]:
        """In the order of the graph's figures."""

    @property
    def weights(self) -> Mapping[str, tuple[float, ...]]: ...
    @property
    def rises(self) -> Calibration: ...
    @property
    def falls(self) -> Calibration: ...
    @property
    def schema_hash(self) -> str: ...
    @property
    def rows_back(self) -> int: ...
    @property
    def horizon_minutes(self) -> float: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...


def begin_training(
    slot: Slot, schema_hash: str, *, now_ms: int, store: Store, entropy: Entropy, earlier: str | None = None
) -> ModelRecord:
    """A row that says that a model is being trained: that of an earlier run of the same, where nobody has ended it."""
    with store.begin() as tx:
        tx.lock_models()
        standing = tx.model(earlier) if earlier is not None else None
        if standing is not None and (standing.slot, standing.schema_hash, standing.status) == (
            slot,
            schema_hash,
            "TRAINING",
        ):
            return standing
        model = ModelRecord(
            model_id=decision_id(now_ms, entropy(ENTROPY_BYTES)),
            slot=slot,
            version=tx.next_version(slot),
            status="TRAINING",
            schema_hash=schema_hash,
            created_at_ms=now_ms,
        )
        tx.save_model(model)
        return model


def fail_training(model_id: str, reason: str, *, now_ms: int, store: Store) -> ModelRecord:
    """The model as it stands now: what has ended stays as it ended."""
    with store.begin() as tx:
        tx.lock_models()
        model = tx.model(model_id)
        if model is None:
            raise NotFound(f"no model {model_id!r}")
        if model.status != "TRAINING":
            return model
        failed = moved(model, "FAILED", now_ms, reason)
        tx.update_model(failed)
        return failed


def register_models(
    finished: FinishedSet,
    *,
    graph: bytes,
    distance_max: float,
    expires_at_ms: int | None,
    actor: str,
    now_ms: int,
    store: Store,
    shelf: Shelf,
    key: SigningKey,
    entropy: Entropy,
    begun: Mapping[Slot, str] | None = None,
) -> SetRecord:
    """The set. The same artefacts once more are the set that is there already, while that may serve. `begun` names the
    rows that `begin_training` made."""
    for model in finished.models:
        if model.slot[1:] != finished.place:
            raise InvalidInput.at("models", f"expected models of {finished.place}, found one of {model.slot}")
    kinds = Counter(model.slot.model_type for model in finished.models)
    for kind, count in kinds.items():
        if count > 1:
            raise InvalidInput.at("models", f"expected one model of each type in a set, found {count} of {kind}")
    # Before the rows that name them: a file without a row is tidied away, a row without its file would be a lie.
    contents = [graph, *(content for model in finished.models for content in (model.native, model.onnx))]
    for content in contents:
        shelf.put(content)
    with store.begin() as tx:
        tx.lock_models()
        new: list[ModelRecord] = []
        records = []
        for model in finished.models:
            record, is_new = written(tx, model, (begun or {}).get(model.slot), expires_at_ms, now_ms, key, entropy)
            records.append(record)
            if is_new:
                new.append(record)
        draft = draft_of(finished, records, graph, distance_max, expires_at_ms)
        of_first = tx.sets_of_model(records[0].model_id) if records else ()
        if (standing := same_as(draft, map(tx.model_set, of_first))) is not None:
            return standing
        models = replace(
            draft, set_id=decision_id(now_ms, entropy(ENTROPY_BYTES)), version=tx.next_set_version(draft.place)
        )
        made = record_of(signed_set(models, finished.provenance, key), now_ms)
        tx.save_set(made)
        for record in new:
            tx.publish(ModelTrained(record.model_id, *record.slot, record.version, made.set_id), now_ms)
        details = {"models": [record.model_id for record in records]}
        tx.append_audit(now_ms, actor, "model.registered", made.set_id, details)
        return made


def written(
    tx: Writing,
    finished: FinishedModel,
    begun: str | None,
    expires_at_ms: int | None,
    now_ms: int,
    key: SigningKey,
    entropy: Entropy,
) -> tuple[ModelRecord, bool]:
    """The model's row, and whether it is a new one."""
    native, onnx = facts_of(finished.native), facts_of(finished.onnx)
    under_way = tx.model(begun) if begun is not None else None
    if under_way is not None and under_way.status != "TRAINING":
        # It was given up meanwhile, or another training of the same was faster.
        under_way = None
    standing = tx.model_by_files(finished.slot, native.sha256, onnx.sha256)
    # One that has expired never serves again, whatever made the same files: this one begins anew.
    if standing is not None and not standing.has_expired(now_ms):
        if under_way is not None:
            tx.update_model(moved(under_way, "FAILED", now_ms, f"came to the same as {standing.model_id}"))
        return standing, False
    model = under_way or ModelRecord(
        model_id=decision_id(now_ms, entropy(ENTROPY_BYTES)),
        slot=finished.slot,
        version=tx.next_version(finished.slot),
        status="TRAINING",
        schema_hash=finished.schema_hash,
        created_at_ms=now_ms,
    )
    if (model.slot, model.schema_hash) != (finished.slot, finished.schema_hash):
        raise Conflict(f"model {model.model_id} was begun as another one: {model.slot}", "wrong_status")
    model = replace(
        moved(model, "SHADOW", now_ms),
        native=native,
        onnx=onnx,
        parent=finished.manifest.get("parent"),
        metrics=finished.manifest.get("metrics") or {},
        expires_at_ms=expires_at_ms,
    )
    model = replace(model, manifest=key.sign(model_document(model, finished.manifest)))
    if under_way is None:
        tx.save_model(model)
    else:
        tx.update_model(model)
    return model, True


def draft_of(
    finished: FinishedSet,
    records: Sequence[ModelRecord],
    graph: bytes,
    distance_max: float,
    expires_at_ms: int | None,
) -> ModelSet:
    """All of the set but its id and its version."""
    ends = [record.expires_at_ms for record in records if record.expires_at_ms is not None]
    if expires_at_ms is not None:
        ends.append(expires_at_ms)
    return ModelSet(
        set_id="",
        version=0,
        place=finished.place,
        members=tuple(Member(record.model_id, record.slot.model_type, record.version) for record in records),
        weights=dict(finished.weights),
        rises=finished.rises,
        falls=finished.falls,
        schema_hash=finished.schema_hash,
        rows_back=finished.rows_back,
        distance_max=distance_max,
        graph_sha256=hashlib.sha256(graph).hexdigest(),
        horizon_minutes=finished.horizon_minutes,
        expires_at_ms=min(ends, default=None),
    )


def facts_of(content: bytes) -> FileFacts:
    return FileFacts(hashlib.sha256(content).hexdigest(), len(content))
