"""Comparing figures that round, of which some are not known."""

from collections.abc import Sequence
from typing import Any

import pytest


def near(one: object, other: object, rel: float = 1e-9, abs: float = 1e-9) -> bool:
    """None is near to None alone."""
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return len(one) == len(other) and all(
            near(here, there, rel, abs) for here, there in zip(one, other, strict=True)
        )
    if one is None or other is None:
        return one is other
    return bool(one == pytest.approx(other, rel=rel, abs=abs))


def about(value: float) -> Any:
    """For use inside another value."""
    return pytest.approx(value)
