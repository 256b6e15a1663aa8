"""Whether everything that may serve is as it was written: rows, manifests, signatures, files."""

from collections.abc import Iterator
from dataclasses import dataclass

from ml_service.domain.models.model_document import verify_model
from ml_service.domain.models.record import ModelRecord, SetRecord
from ml_service.domain.models.signing import SigningKey
from ml_service.errors import ModelRefused
from ml_service.ports import ModelFilter, Shelf, Store, all_of

AT_ONCE = 200
EVERYTHING = ModelFilter()


@dataclass(frozen=True, slots=True)
class Checked:
    kind: str
    id: str
    objection: str | None


def verify_models(*, store: Store, shelf: Shelf, key: SigningKey) -> Iterator[Checked]:
    """Every model that has files, and every set; newest first."""
    for one in all_of(lambda reading, cursor: reading.models(EVERYTHING, cursor, AT_ONCE), store):
        with store.read() as reading:
            model = reading.model(one.model_id)
        assert model is not None, "rows of models are never deleted"
        if model.manifest is not None:
            yield Checked("model", one.model_id, objection_to_model(model, shelf, key))
    for record in all_of(lambda reading, cursor: reading.model_sets(None, cursor, AT_ONCE), store):
        yield Checked("set", record.set_id, objection_to_set(record, shelf, key))


def objection_to_model(model: ModelRecord, shelf: Shelf, key: SigningKey) -> str | None:
    try:
        verify_model(model, key)
        if model.archived_at_ms is None:
            for facts in (model.native, model.onnx):
                if facts is not None:
                    shelf.read(facts.sha256)
    except ModelRefused as error:
        return str(error)
    return None


def objection_to_set(record: SetRecord, shelf: Shelf, key: SigningKey) -> str | None:
    try:
        key.verify(record.signed)
        record.opened()
        if record.archived_at_ms is None:
            shelf.read(record.graph_sha256)
    except ModelRefused as error:
        return str(error)
    return None
