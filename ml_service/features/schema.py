"""The schema: which numbers make up a row of features, in which order, worked out how.

A model is trained with rows of one schema and never served a row of another.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ml_service.domain.market.candles import Stream
from ml_service.features import FEATURES
from ml_service.features.spec import Feature

FEATURE_SCHEMA_VERSION = 1
"""One more whenever a feature is worked out differently under the same name and parameters."""

HASH_DIGITS = 16
ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Schema:
    version: int
    names: tuple[str, ...]
    """In the order of the columns."""
    hash: str
    """Of version, names, order and parameters: two rows of the same hash may stand in one table."""


def schema_of(features: Mapping[str, Feature], version: int = FEATURE_SCHEMA_VERSION) -> Schema:
    told = [
        [name, sorted((parameter, float(value)) for parameter, value in feature.parameters.items())]
        for name, feature in features.items()
    ]
    digest = sha256(json.dumps([version, told]).encode()).hexdigest()
    return Schema(version, tuple(features), digest[:HASH_DIGITS])


SCHEMA = schema_of(FEATURES)


def objection(expected: Schema, found: Schema) -> str | None:
    """Why a row of the one must not stand in for a row of the other; None where it may."""
    missing = [name for name in expected.names if name not in found.names]
    extra = [name for name in found.names if name not in expected.names]
    doubts = []
    if expected.version != found.version:
        doubts.append(f"version: expected {expected.version}, found {found.version}")
    if missing:
        doubts.append(f"missing: {', '.join(missing)}")
    if extra:
        doubts.append(f"not expected: {', '.join(extra)}")
    if not missing and not extra and expected.names != found.names:
        doubts.append(f"order: {first_out_of_place(expected.names, found.names)}")
    if not doubts and expected.hash != found.hash:
        doubts.append(f"parameters: expected hash {expected.hash}, found {found.hash}")
    return f"feature schema: {'; '.join(doubts)}" if doubts else None


def first_out_of_place(expected: Sequence[str], found: Sequence[str]) -> str:
    for place, name in enumerate(expected):
        other = found[place] if place < len(found) else None
        if other != name:
            return f"expected {name} in place {place}, found {other}"
    return f"expected {len(expected)} columns, found {len(found)}"


def feature_set_id(stream: Stream, opened_at_ms: int, schema_hash: str, values: Sequence[float]) -> str:
    """The same for the same row, on every machine; another one for every other row.

    Missing is missing, and zero is zero, whatever bits stand for them.
    """
    plain = [math.nan if math.isnan(value) else value + 0.0 for value in values]
    whose = json.dumps([*stream, opened_at_ms, schema_hash]).encode()
    return sha256(whose + struct.pack(f"<{len(plain)}d", *plain)).hexdigest()[:ID_DIGITS]
