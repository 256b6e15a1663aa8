"""Whether a set may be opened: its signature and its schema first, and only then its file."""

from collections.abc import Callable, Sequence

from ml_service.domain.models.model_document import verify_model
from ml_service.domain.models.record import ModelRecord, SetRecord
from ml_service.domain.models.set_document import read_set
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import Signed, SigningKey
from ml_service.errors import Conflict, ForeignSchema, ModelRefused


def verified_set(signed: Signed, key: SigningKey, schema_hash: str) -> ModelSet:
    """What the document says, once it is known to be ours and made for our rows. `ModelRefused` otherwise."""
    key.verify(signed)
    models = read_set(signed).models
    if models.schema_hash != schema_hash:
        raise ForeignSchema(
            f"set {models.set_id}: expected rows of schema {schema_hash}, found a set for {models.schema_hash}"
        )
    return models


def signed_models(record: SetRecord, key: SigningKey) -> ModelSet:
    """Of any set that we have ever signed, to ask it once more; `ModelRefused` otherwise."""
    key.verify(record.signed)
    return record.opened().models


def untried(models: ModelSet) -> None:
    """Where there is nothing to run a graph with."""


def fit_to_serve(
    record: SetRecord,
    members: Sequence[ModelRecord],
    key: SigningKey,
    schema_hash: str,
    now_ms: int,
    read: Callable[[str], bytes],
) -> ModelSet:
    """The set, verified with its members and its graph. `Conflict` where it is too old, or was put away."""
    models = verified_set(record.opened().signed, key, schema_hash)
    if record.archived_at_ms is not None:
        # Its graph may lie there still, for another set: nothing keeps it there for this one.
        raise Conflict(f"the files of set {models.set_id} are no longer kept", "archived")
    named = [(member.model_id, member.model_type, member.version) for member in models.members]
    found = [(model.model_id, model.slot.model_type, model.version) for model in members]
    if named != found:
        raise ModelRefused(f"set {models.set_id}: expected the members {named}, found {found}")
    for model in members:
        verify_model(model, key)
        if model.has_expired(now_ms):
            raise Conflict(f"model {model.model_id} of set {models.set_id} has expired", "expired")
    if models.expires_at_ms is not None and now_ms >= models.expires_at_ms:
        raise Conflict(f"set {models.set_id} has expired", "expired")
    # The shelf checks it against its hash.
    read(models.graph_sha256)
    return models
