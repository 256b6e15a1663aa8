"""The header of a model's own file: what its numbers were made for, and how."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ml_service.errors import ForeignSchema, ModelRefused
from ml_service.features.schema import Schema, objection
from ml_service.learning.examples import Rows
from ml_service.learning.trainers.preparation import Preparation
from ml_service.learning.trainers.spec import Contributions


@dataclass(frozen=True, slots=True)
class Header:
    model: str
    """The trainer's name."""
    schema: Schema
    rows_back: int
    parameters: Mapping[str, float]
    seed: int
    device: str
    steps: int
    """Trees, or passes over the examples, that went into it."""
    preparation: Preparation
    importance: Mapping[str, float] = field(default_factory=dict)
    """Where only the training can tell it."""

    def written(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)


def header_of(text: str | None, model: str) -> Header:
    """`ModelRefused` unless it is the header of such a model."""
    try:
        found = json.loads(text or "")
        header = Header(**found | {"schema": schema_of(found["schema"]), "preparation": prepared(found["preparation"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ModelRefused(f"expected the file of a {model} model, found one without its header") from error
    if header.model != model:
        raise ModelRefused(f"expected the file of a {model} model, found one of {header.model}")
    return header


def schema_of(told: dict[str, Any]) -> Schema:
    return Schema(told["version"], tuple(told["names"]), told["hash"])


def prepared(told: dict[str, Any]) -> Preparation:
    return Preparation(**{name: tuple(values) for name, values in told.items()})


def same_schema(header: Header, schema: Schema) -> None:
    if doubt := objection(header.schema, schema):
        raise ForeignSchema(doubt)


class Headed:
    """What every model tells about itself from its header."""

    header: Header

    @property
    def schema(self) -> Schema:
        return self.header.schema

    @property
    def rows_back(self) -> int:
        return self.header.rows_back

    @property
    def steps(self) -> int:
        return self.header.steps

    @property
    def device(self) -> str:
        return self.header.device

    def contributions(self, windows: Rows) -> Contributions | None:
        return None
