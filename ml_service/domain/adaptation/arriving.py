"""What a caller hands to a learner: the right shape, or refused with what was expected and what was found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_service.domain.adaptation.library import Matrix, Vector

DAY_MAX = 1_000_000
"""Days from 1970, for more than two thousand years: who hands over milliseconds is told so."""


def signals_of(values: ArrayLike, names: Sequence[str]) -> Matrix:
    """One row per signal, one column per parameter; an empty list is no signals."""
    found: Matrix = np.asarray(values, dtype=np.float64)
    if found.shape == (0,):
        return np.empty((0, len(names)))
    if found.ndim != 2 or found.shape[1] != len(names):
        raise ValueError(
            f"X: expected one row per signal and {len(names)} columns ({', '.join(names)}),"
            f" found an array of shape {found.shape}"
        )
    return found


def column_of(name: str, values: ArrayLike, signals: int) -> Vector:
    """One number per signal, or one for all of them."""
    found = np.asarray(values, dtype=np.float64)
    if found.shape not in ((), (signals,)):
        raise ValueError(f"{name}: expected one value for each of {signals} signals, found shape {found.shape}")
    return np.broadcast_to(found, (signals,))


def flags_of(name: str, values: ArrayLike, signals: int) -> NDArray[np.bool_]:
    return column_of(name, values, signals).astype(np.bool_)


def day_of(day: int) -> int:
    if not -DAY_MAX <= day <= DAY_MAX:
        raise ValueError(f"day: expected days since 1970, found {day}")
    return int(day)


def days_of(days: ArrayLike, signals: int) -> NDArray[np.int64]:
    found = column_of("days", days, signals)
    if len(found) and not (np.abs(found) <= DAY_MAX).all():
        raise ValueError(f"days: expected days since 1970, found {found[~(np.abs(found) <= DAY_MAX)][0]:g}")
    return found.astype(np.int64)


def row_of(regime: int | None, regimes: int) -> int | None:
    """The row of its weights; None where it is not told."""
    return None if regime is None else int(rows_for([regime], 1, regimes)[0])


def rows_for(regime: ArrayLike | None, signals: int, regimes: int) -> NDArray[np.int64]:
    """Of each signal; NaN where its regime is not known."""
    found = column_of("regime", np.nan if regime is None else regime, signals)
    known = ~np.isnan(found)
    wrong = found[known & ~np.isin(found, np.arange(regimes))]
    if len(wrong):
        raise ValueError(f"regime: expected one of 0 to {regimes - 1}, found {wrong[0]:g}")
    if regimes == 1:
        return np.zeros(signals, dtype=np.int64)
    return np.where(known, found + 1.0, 0.0).astype(np.int64)
