"""Models and sets as the registry knows them: one row for every version."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ml_service.domain.models.set_document import SignedSet, read_set
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import Signed
from ml_service.domain.models.slots import Place, Slot, Status
from ml_service.errors import ModelRefused


@dataclass(frozen=True, slots=True)
class FileFacts:
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ModelRecord:
    model_id: str
    slot: Slot
    version: int
    """Counts the models of its slot."""
    status: Status
    schema_hash: str
    created_at_ms: int
    native: FileFacts | None = None
    """To go on training from; none until the training has ended."""
    onnx: FileFacts | None = None
    manifest: Signed | None = None
    parent: str | None = None
    """The model that it went on from."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    """Why it failed or was retired."""
    promoted_at_ms: int | None = None
    retired_at_ms: int | None = None
    expires_at_ms: int | None = None
    archived_at_ms: int | None = None
    """Since then, its files are gone."""

    def has_expired(self, now_ms: int) -> bool:
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


@dataclass(frozen=True, slots=True)
class SetRecord:
    set_id: str
    place: Place
    version: int
    schema_hash: str
    graph_sha256: str
    created_at_ms: int
    signed: Signed
    expires_at_ms: int | None = None
    archived_at_ms: int | None = None
    """Since then, its graph is gone."""

    def has_expired(self, now_ms: int) -> bool:
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms

    def opened(self) -> SignedSet:
        """`ModelRefused` where the document belongs to another row."""
        found = read_set(self.signed)
        models = found.models
        said = (models.set_id, models.place, models.version, models.schema_hash, models.graph_sha256)
        if said != (self.set_id, self.place, self.version, self.schema_hash, self.graph_sha256):
            raise ModelRefused(f"expected the document of set {self.set_id}, found that of {models.set_id}")
        return found


def same_as(draft: ModelSet, records: Iterable[SetRecord | None]) -> SetRecord | None:
    """The one of the same models, weights, calibrations and graph."""
    for record in records:
        assert record is not None, "rows of sets are never deleted"
        try:
            models = record.opened().models
        except ModelRefused:
            # A document that is broken says nothing; the models are signed by themselves.
            continue
        if replace(models, set_id="", version=0) == draft:
            return record
    return None


def record_of(signed_set: SignedSet, created_at_ms: int) -> SetRecord:
    models = signed_set.models
    return SetRecord(
        set_id=models.set_id,
        place=models.place,
        version=models.version,
        schema_hash=models.schema_hash,
        graph_sha256=models.graph_sha256,
        created_at_ms=created_at_ms,
        signed=signed_set.signed,
        expires_at_ms=models.expires_at_ms,
    )
