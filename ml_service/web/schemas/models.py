"""Models, sets and champions, as they are listed, told and moved."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field

from ml_service.domain.market.regimes import regime_named
from ml_service.domain.models.champions import Reign
from ml_service.domain.models.record import FileFacts, ModelRecord, SetRecord
from ml_service.domain.models.set_document import provenance_of
from ml_service.domain.models.slots import EVERY, Place, Status
from ml_service.errors import InvalidInput, ModelRefused
from ml_service.usecases.reweigh import Made
from ml_service.web.schemas.fields import Body, PageQuery, Symbol, Text
from ml_service.web.wire import iso


def regime_of(text: str) -> str:
    if text == EVERY:
        return text
    try:
        return regime_named(text)
    except InvalidInput as error:
        raise ValueError(error.errors[0].message.partition(", found")[0] + " or *") from None


Regime = Annotated[str, Field(max_length=40, examples=["volatile"]), AfterValidator(regime_of)]
ModelType = Annotated[str, Field(max_length=40, pattern=r"^[a-z_]+$", examples=["xgboost"])]
Id = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9-]+$")]


class ModelsQuery(PageQuery):
    model_type: ModelType | None = None
    status: Status | None = None
    symbol: Symbol | None = None
    regime: Regime | None = None


class PlaceQuery(PageQuery):
    """Of one place where a symbol or a regime is named, else of all."""

    symbol: Symbol | None = None
    regime: Regime | None = None

    def place(self) -> Place | None:
        if self.symbol is None and self.regime is None:
            return None
        return Place(self.symbol or EVERY, self.regime or EVERY)


class RetireBody(Body):
    reason: Text = ""


class PromoteBody(Body):
    """Either a set, or a type of model: then the newest set of the place in which one waits as a shadow."""

    set_id: Id | None = None
    model_type: ModelType | None = None
    symbol: Symbol | None = None
    regime: Regime | None = None
    """Of a set, its own or none; beside a type, where to look: every one, where none is named."""
    reason: Text = ""


class RollbackBody(Body):
    symbol: Symbol = EVERY
    regime: Regime = EVERY
    set_id: Id | None = None
    """The set that is to go. With it, a repeat does nothing more."""
    to: Literal["former", "nobody"] = "former"
    reason: Text = ""


def model_data(model: ModelRecord, now_ms: int) -> dict[str, Any]:
    return {
        "model_id": model.model_id,
        **model.slot._asdict(),
        "version": model.version,
        "status": model.status,
        "schema": model.schema_hash,
        "parent": model.parent,
        "reason": model.reason,
        "metrics": model.metrics,
        "files": {"native": file_data(model.native), "onnx": file_data(model.onnx)},
        "created_at": iso(model.created_at_ms),
        "promoted_at": at(model.promoted_at_ms),
        "retired_at": at(model.retired_at_ms),
        "expires_at": at(model.expires_at_ms),
        "expired": model.has_expired(now_ms),
        "archived_at": at(model.archived_at_ms),
    }


def file_data(facts: FileFacts | None) -> dict[str, Any] | None:
    return {"sha256": facts.sha256, "bytes": facts.size} if facts is not None else None


def manifest_data(model: ModelRecord) -> dict[str, Any]:
    """As it was signed; None where there is none, or nobody can read it."""
    if model.manifest is None:
        return {"manifest": None, "signature": None}
    try:
        content = orjson.loads(model.manifest.text)
    except ValueError:
        content = None
    return {"manifest": content, "signature": model.manifest.signature}


def set_data(record: SetRecord, now_ms: int) -> dict[str, Any]:
    data: dict[str, Any] = {
        "set_id": record.set_id,
        **record.place._asdict(),
        "version": record.version,
        "schema": record.schema_hash,
        "graph_sha256": record.graph_sha256,
        "created_at": iso(record.created_at_ms),
        "expires_at": at(record.expires_at_ms),
        "expired": record.expires_at_ms is not None and now_ms >= record.expires_at_ms,
        "archived_at": at(record.archived_at_ms),
    }
    try:
        models = record.opened().models
    except ModelRefused:
        return {**data, "members": None, "weights": None}
    members = [{"model_id": one.model_id, "type": one.model_type, "version": one.version} for one in models.members]
    return {**data, "members": members, "weights": models.weights}


def document_data(record: SetRecord) -> dict[str, Any]:
    try:
        models, provenance = record.opened().models, provenance_of(record.signed)
    except ModelRefused:
        return {"signature": record.signed.signature, "provenance": None}
    return {
        "signature": record.signed.signature,
        "rows_back": models.rows_back,
        "distance_max": models.distance_max,
        "horizon_minutes": models.horizon_minutes,
        "rises": {"intercept": models.rises.intercept, "slope": models.rises.slope},
        "falls": {"intercept": models.falls.intercept, "slope": models.falls.slope},
        "provenance": provenance,
    }


def reweighed_data(made: Made, now_ms: int) -> dict[str, Any]:
    report = made.found.report
    return {
        **set_data(made.record, now_ms),
        "predictions": report.predictions,
        "episodes": report.episodes,
        "recalibrated": list(made.found.recalibrated),
        "changed": made.is_new,
    }


def reign_data(reign: Reign) -> dict[str, Any]:
    return {
        **reign.place._asdict(),
        "revision": reign.revision,
        "set_id": reign.set_id,
        "step": reign.step,
        "since": iso(reign.since_ms),
        "by": reign.actor,
        "reason": reign.reason,
    }


def reigns_data(reigns: Sequence[tuple[Reign, int | None]]) -> list[dict[str, Any]]:
    return [{**reign_data(reign), "until": at(until_ms)} for reign, until_ms in reigns]


def champion_data(reign: Reign, record: SetRecord | None, now_ms: int) -> dict[str, Any]:
    return {**reign_data(reign), "set": set_data(record, now_ms) if record is not None else None}


def at(at_ms: int | None) -> str | None:
    return iso(at_ms) if at_ms is not None else None
