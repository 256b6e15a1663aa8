"""Examples with a signal planted in them: what can be learned is known, and so is how well."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml_service.features.schema import SCHEMA, Schema
from ml_service.learning.examples import Examples, Rows
from tests.builders import NOW_MS

SIGNAL = {"log_return": 1.2, "rsi": -0.9, "volume_ratio_20": 0.6}
"""What each of these features adds to the log odds of a rise, by its standard deviation; all others are noise."""

BAR_MS = 900_000

Floats = NDArray[np.float64]


def planted(
    count: int = 2_000, seed: int = 7, *, strength: float = 1.0, missing: float = 0.0, schema: Schema = SCHEMA
) -> Examples:
    """Independent normal rows, each of them an example; `missing` is the share of numbers that are not there."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((count, len(schema.names))).astype(np.float32)
    rose = random.random(count) < chances(rows, strength, schema)
    rows[random.random(rows.shape) < missing] = np.nan
    return examples(rows, rose, schema)


def examples(rows: Rows, rose: NDArray[np.bool_], schema: Schema = SCHEMA) -> Examples:
    """Every row one, in an unbroken series."""
    places = np.arange(len(rows))
    return Examples(
        schema=schema,
        rows=rows,
        follows=places > 0,
        opened_at_ms=NOW_MS + places * BAR_MS,
        places=places,
        rose=rose.astype(np.int8),
        weights=np.ones(len(rows)),
        known_from=places + 1,
    )


def chances(rows: Rows, strength: float = 1.0, schema: Schema = SCHEMA) -> Floats:
    """The true chance of a rise after each row: no model can do better than to say this."""
    odds = sum(weight * rows[:, schema.names.index(name)].astype(float) for name, weight in SIGNAL.items())
    told: Floats = 1.0 / (1.0 + np.exp(-strength * np.asarray(odds)))
    return told


def shuffled(known: Examples, seed: int = 7) -> Examples:
    """The same rows with labels that have nothing to do with them."""
    return replace(known, rose=np.random.default_rng(seed).permutation(known.rose))
