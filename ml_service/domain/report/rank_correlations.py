"""Rank correlations: which columns rise and fall together, however bent the relation is (Spearman)."""

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Floats

PAIRS_MIN = 30
"""Of fewer rows that have both values, nothing is said."""


def rank_correlations(columns: Floats) -> Floats:
    """A row for each column; each pair over the rows that have both. NaN where that is nothing, or nothing varies."""
    told = np.isfinite(columns)
    groups, which = np.unique(np.packbits(told, axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    out = np.full((len(columns), len(columns)), np.nan)
    # Columns that miss values in the same rows are ranked together: two groups share one set of rows.
    for one in range(len(groups)):
        for other in range(one, len(groups)):
            members = np.flatnonzero((which == one) | (which == other))
            first, second = members[which[members] == one], members[which[members] == other]
            rows = told[first[0]] & told[second[0]]
            found = correlations(columns[members][:, rows])
            places = {member: place for place, member in enumerate(members.tolist())}
            for here in first.tolist():
                for there in second.tolist():
                    out[here, there] = out[there, here] = found[places[here], places[there]]
    return out


def correlations(columns: Floats) -> Floats:
    count = columns.shape[1]
    if count < PAIRS_MIN:
        return np.full((len(columns), len(columns)), np.nan)
    ranked = np.array([ranks(column) for column in columns]) - 0.5 * (count - 1)
    sums = ranked @ ranked.T
    spread = np.sqrt(np.diag(sums))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = sums / (spread[:, None] * spread)
    return np.clip(np.where(np.isfinite(shares), shares, np.nan), -1.0, 1.0)


def ranks(values: Floats) -> Floats:
    """From 0; equal values share the mean of their places."""
    order: NDArray[np.intp] = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = np.append(begins[1:], values.size)
    out = np.empty(values.size)
    out[order] = np.repeat(0.5 * (begins + ends - 1), ends - begins)
    return out
