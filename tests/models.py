"""Models and sets for tests: each builder fills in what a test does not care about."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.champions import Reign, after_promotion
from ml_service.domain.models.record import FileFacts, ModelRecord, SetRecord, record_of
from ml_service.domain.models.set_document import signed_set
from ml_service.domain.models.sets import Member, ModelSet
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.slots import Place, Slot, Status
from ml_service.features.schema import SCHEMA
from ml_service.ports import Shelf, Store
from ml_service.usecases.promote import promote
from ml_service.usecases.register_models import register_models
from ml_service.usecases.rollback import RolledBack, rollback
from tests.builders import NOW_MS
from tests.learning.members import set_graph

KEY = SigningKey(b"a key for tests, long enough")
FOREIGN_KEY = SigningKey(b"another key, of somebody else")
PLACE = Place("BTCUSDT")


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def model_record(
    model_id: str = "m-1", status: Status = "SHADOW", version: int = 1, model_type: str = "xgboost", **fields: Any
) -> ModelRecord:
    given: dict[str, Any] = {
        "slot": Slot(model_type, *PLACE),
        "schema_hash": SCHEMA.hash,
        "created_at_ms": NOW_MS,
        "native": FileFacts(sha256(f"{model_id} native"), 1_000),
        "onnx": FileFacts(sha256(f"{model_id} onnx"), 2_000),
        "manifest": KEY.sign(f'{{"document":"model","model_id":"{model_id}"}}'),
        "metrics": {"log_loss": 0.69, "f1": None},
        **fields,
    }
    return ModelRecord(model_id=model_id, version=version, status=status, **given)


def model_set(set_id: str = "s-1", version: int = 1, member_ids: tuple[str, ...] = ("m-1",), **fields: Any) -> ModelSet:
    share = 1.0 / len(member_ids)
    given: dict[str, Any] = {
        "place": PLACE,
        "members": tuple(Member(model_id, "xgboost", 1) for model_id in member_ids),
        "weights": {"*": (share,) * len(member_ids)},
        "rises": Calibration(-0.1, 0.9),
        "falls": Calibration(0.05, 0.8),
        "schema_hash": SCHEMA.hash,
        "rows_back": 1,
        "distance_max": 7.25,
        "graph_sha256": sha256(f"{set_id} graph"),
        "horizon_minutes": 720.0,
        **fields,
    }
    return ModelSet(set_id=set_id, version=version, **given)


def set_record(models: ModelSet | None = None, created_at_ms: int = NOW_MS, key: SigningKey = KEY) -> SetRecord:
    provenance = {"weights": "equal, for a test"}
    return record_of(signed_set(models if models is not None else model_set(), provenance, key), created_at_ms)


def reign(head: Reign | None, set_id: str = "s-1", at_ms: int = NOW_MS, place: Place = PLACE) -> Reign:
    return after_promotion(head, place, set_id, at_ms, "tester", "a test")


@dataclass(frozen=True)
class Finished:
    """A model as a training hands it over."""

    slot: Slot
    schema_hash: str
    native: bytes
    onnx: bytes
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class FinishedSet:
    place: Place
    models: Sequence[Finished]
    weights: Mapping[str, tuple[float, ...]]
    rises: Calibration
    falls: Calibration
    schema_hash: str
    rows_back: int
    horizon_minutes: float
    provenance: Mapping[str, Any]


def finished(name: str, model_type: str = "xgboost", place: Place = PLACE, **manifest: Any) -> Finished:
    """Files of the same name are the same files."""
    said = {"data_hash": "d" * 8, "metrics": {"log_loss": 0.69}, **manifest}
    return Finished(
        Slot(model_type, *place),
        SCHEMA.hash,
        f"{name} {model_type} native".encode(),
        f"{name} {model_type} onnx".encode(),
        said,
    )


def finished_set(name: str, *models: Finished, place: Place = PLACE, **fields: Any) -> FinishedSet:
    members = models or (finished(name, place=place), finished(name, "logistic", place))
    given: dict[str, Any] = {
        "weights": {"*": (1.0 / len(members),) * len(members)},
        "rises": Calibration(),
        "falls": Calibration(),
        "schema_hash": SCHEMA.hash,
        "rows_back": 1,
        "horizon_minutes": 720.0,
        "provenance": {"name": name},
        **fields,
    }
    return FinishedSet(place=place, models=members, **given)


@dataclass
class Registry:
    """The use-cases of models, with the same store, shelf and key each time."""

    store: Store
    shelf: Shelf
    now_ms: int = NOW_MS
    key: SigningKey = KEY

    def register(
        self,
        name: str,
        *models: Finished,
        expires_at_ms: int | None = None,
        graph: bytes | None = None,
        distance_max: float = 9.0,
        **fields: Any,
    ) -> SetRecord:
        """Each a moment after the one before."""
        self.now_ms += 1_000
        made = finished_set(name, *models, **fields)
        return register_models(
            made,
            graph=graph or set_graph(name, len(made.models), made.rows_back),
            distance_max=distance_max,
            expires_at_ms=expires_at_ms,
            actor="tester",
            now_ms=self.now_ms,
            store=self.store,
            shelf=self.shelf,
            key=self.key,
            entropy=os.urandom,
        )

    def promote(self, set_id: str, **more: Any) -> tuple[Reign, bool]:
        self.now_ms += 1_000
        return promote(
            set_id,
            **more,
            actor="tester",
            reason="a test",
            now_ms=self.now_ms,
            store=self.store,
            shelf=self.shelf,
            key=self.key,
        )

    def roll_back(self, away_from: str | None = None, place: Place = PLACE) -> tuple[Reign, bool]:
        """Leaves out what was passed over."""
        return self.rolled_back(place, away_from=away_from)[:2]

    def rolled_back(self, place: Place = PLACE, **more: Any) -> RolledBack:
        self.now_ms += 1_000
        given = {"away_from": None, **more}
        return rollback(
            place,
            **given,
            actor="tester",
            reason="a test",
            now_ms=self.now_ms,
            store=self.store,
            shelf=self.shelf,
            key=self.key,
        )

    def statuses(self, record: SetRecord) -> dict[str, str]:
        with self.store.read() as reading:
            return {model.slot.model_type: model.status for model in reading.models_of_set(record.set_id)}
