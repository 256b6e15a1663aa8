"""A set as a signed document: all that it takes to serve it, but the graph, whose hash it names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.canonical import canonical, document_from
from ml_service.domain.models.sets import Member, ModelSet
from ml_service.domain.models.signing import Signed, SigningKey
from ml_service.domain.models.slots import Place
from ml_service.errors import ModelRefused

KIND = "set"


@dataclass(frozen=True, slots=True)
class SignedSet:
    """Read, but not yet verified."""

    models: ModelSet
    signed: Signed


def set_document(models: ModelSet, provenance: Mapping[str, Any]) -> str:
    """`provenance` tells how weights and calibration came about; nobody serves by it."""
    document = asdict(models)
    document["place"] = models.place._asdict()
    return canonical({"document": KIND, "models": document, "provenance": provenance})


def signed_set(models: ModelSet, provenance: Mapping[str, Any], key: SigningKey) -> SignedSet:
    return SignedSet(models, key.sign(set_document(models, provenance)))


def read_set(signed: Signed) -> SignedSet:
    """`ModelRefused` where the text describes no set."""
    content = dict(document_from(signed.text, KIND).get("models") or {})
    try:
        members = tuple(Member(**member) for member in content.pop("members"))
        models = ModelSet(
            place=Place(**content.pop("place")),
            members=members,
            weights={regime: tuple(weights) for regime, weights in content.pop("weights").items()},
            rises=Calibration(**content.pop("rises")),
            falls=Calibration(**content.pop("falls")),
            **content,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelRefused(f"the document of a set: {error}") from None
    if flaw := flaw_of(models):
        raise ModelRefused(f"the document of a set: {flaw}")
    return SignedSet(models, signed)


def provenance_of(signed: Signed) -> dict[str, Any]:
    return dict(document_from(signed.text, KIND)["provenance"])


def flaw_of(models: ModelSet) -> str | None:
    """What would keep anybody from serving it."""
    if not models.members:
        return "expected at least one member, found none"
    for regime, weights in models.weights.items():
        if len(weights) != len(models.members):
            return f"weights in {regime}: expected {len(models.members)}, found {len(weights)}"
        if not abs(sum(weights) - 1.0) <= 1e-6 or min(weights) < 0.0:
            return f"weights in {regime}: expected shares that add up to 1, found {list(weights)}"
    if "*" not in models.weights:
        return "weights: expected those for every other regime under *"
    if models.rows_back < 1:
        return f"rows_back: expected at least 1, found {models.rows_back}"
    if not min(models.rises.slope, models.falls.slope) >= 0.0:
        return "calibration: expected slopes of at least 0"
    return None
