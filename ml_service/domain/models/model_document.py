"""A model's manifest as a signed document: where it comes from, and which files it is."""

from collections.abc import Mapping
from typing import Any

from ml_service.domain.models.canonical import canonical, document_from
from ml_service.domain.models.record import ModelRecord
from ml_service.domain.models.signing import SigningKey
from ml_service.errors import ModelRefused

KIND = "model"


def model_document(model: ModelRecord, training: Mapping[str, Any]) -> str:
    """`training` tells all that it takes to make the model again; what the registry knows stands above it."""
    return canonical({**training, **known(model)})


def verify_model(model: ModelRecord, key: SigningKey) -> None:
    """`ModelRefused` where its manifest is missing, not ours, or another model's."""
    if model.manifest is None:
        raise ModelRefused(f"model {model.model_id} is {model.status}: expected a manifest, found none")
    try:
        key.verify(model.manifest)
        document = document_from(model.manifest.text, KIND)
    except ModelRefused as error:
        raise ModelRefused(f"the manifest of model {model.model_id}: {error}") from None
    for name, value in known(model).items():
        if document.get(name) != value:
            raise ModelRefused(
                f"the manifest of model {model.model_id}: {name}: expected {value!r}, found {document.get(name)!r}"
            )


def known(model: ModelRecord) -> dict[str, Any]:
    """What never changes about a model, as its row has it."""
    files = {"native": model.native, "onnx": model.onnx}
    return {
        "document": KIND,
        "model_id": model.model_id,
        **model.slot._asdict(),
        "version": model.version,
        "schema_hash": model.schema_hash,
        "parent": model.parent,
        "created_at_ms": model.created_at_ms,
        "expires_at_ms": model.expires_at_ms,
        "files": {
            name: {"sha256": facts.sha256, "size": facts.size} for name, facts in files.items() if facts is not None
        },
    }
