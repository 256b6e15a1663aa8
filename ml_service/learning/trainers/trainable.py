"""Trainable: whether anything can be learned from examples, and with which parameters."""

from collections.abc import Mapping
from math import isfinite

import numpy as np

from ml_service.errors import InvalidInput, Untrainable
from ml_service.features.schema import objection
from ml_service.learning.examples import Examples

EXAMPLES_MIN = 100
"""Fewer than four for every feature teach chance alone."""

SHARES = frozenset({"rows", "columns", "dropout", "more_rate_share", "half_precision"})
"""Of rows, of columns, of units, of the first rate; and half precision, which is on or off."""

OF_EACH_MIN = 10
"""Rises, and falls."""


def examine(examples: Examples, later: Examples | None = None) -> None:
    """`Untrainable`, with the reason."""
    if len(examples) < EXAMPLES_MIN:
        raise Untrainable(f"expected at least {EXAMPLES_MIN} examples, found {len(examples)}")
    rises = int(np.count_nonzero(examples.rose))
    falls = len(examples) - rises
    if min(rises, falls) < OF_EACH_MIN:
        raise Untrainable(f"expected at least {OF_EACH_MIN} rises and as many falls, found {rises} and {falls}")
    examine_numbers(examples)
    if later is not None and (doubt := objection(examples.schema, later.schema)):
        raise Untrainable(f"the later examples have another {doubt}")


def examine_numbers(examples: Examples) -> None:
    infinite = np.flatnonzero(np.any(np.isinf(examples.rows), axis=0))
    if infinite.size:
        names = [examples.schema.names[place] for place in infinite]
        raise Untrainable(f"expected finite or missing numbers, found infinite ones of {', '.join(names)}")
    rows = examples.rows[examples.places]
    # A column without any number is told from one with a single number by comparing, not by warning.
    lowest = np.fmin.reduce(rows, axis=0)
    highest = np.fmax.reduce(rows, axis=0)
    if not np.any(highest > lowest):
        raise Untrainable("expected at least one feature that varies, found none")


def chosen(own: Mapping[str, float], wished: Mapping[str, float] | None) -> dict[str, float]:
    """A trainer's own parameters, with the wished ones in their place."""
    for name, value in (wished or {}).items():
        if name not in own:
            raise InvalidInput.at(f"parameters.{name}", f"expected one of {', '.join(own)}, found {name}")
        if expected := missed(name, own[name], value):
            raise InvalidInput.at(f"parameters.{name}", f"expected {expected}, found {value}")
    return {name: kind_of(value)((wished or {}).get(name, value)) for name, value in own.items()}


def trees_after(steps: int, parameters: Mapping[str, float]) -> int:
    """So many has a model that goes on; `Untrainable` where that is more than it may have."""
    trees = steps + int(parameters["more_trees"])
    if trees > parameters["trees_max"]:
        raise Untrainable(f"expected at most {parameters['trees_max']:g} trees, found {trees}: train it anew")
    return trees


def missed(name: str, own: float, value: float) -> str | None:
    """What the value should have been."""
    # What is whole by itself counts something.
    if isinstance(own, int):
        return None if isfinite(value) and value >= 1 and value == int(value) else "a whole number of at least 1"
    if name in SHARES:
        return None if 0.0 <= value <= 1.0 else "a share from 0 to 1"
    return None if isfinite(value) and value >= 0.0 else "a finite number of at least 0"


def kind_of(value: float) -> type[int] | type[float]:
    return int if isinstance(value, int) else float


def usable(later: Examples | None) -> Examples | None:
    """Nobody can tell from no example when to stop."""
    return later if later is not None and len(later) else None
