"""Suspicion: what looks too good to be true on prices, and more often is a leak from the future than a discovery."""

from collections.abc import Sequence

import numpy as np

from ml_service.domain.market.candles import Floats
from ml_service.domain.models.metrics import auc, ranks
from ml_service.learning.dataset import Dataset

AUC_MAX = 0.9
"""Of a model."""
ALONE_MAX = 0.60
"""Of a single feature, or below 0.40: AUC, where chance alone explains no more."""
AHEAD_MAX = 0.15
"""Rank correlation of a feature with one of the next bars' returns: features of prices known in time have a few
hundredths."""
SURE_ERRORS = 4.0
AHEAD_BARS = 24
"""So many of the next bars are looked at, at least."""


def suspicions(dataset: Dataset) -> tuple[str, ...]:
    """Of features; each is named once, with the strongest reason."""
    found = []
    table = dataset.rows[dataset.places].astype(np.float64)
    for column, name in enumerate(dataset.schema.names):
        values = table[:, column]
        reason = knows_a_bar(values, dataset) or knows_the_label(values, dataset)
        if reason is not None:
            found.append(f"{name} {reason}")
    return tuple(found)


def model_suspicions(aucs: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    return tuple(
        f"{name} has an AUC of {value:.3f} on rows it has not seen: on prices, that is a leak until shown otherwise"
        for name, value in aucs
        if value > AUC_MAX
    )


def knows_a_bar(values: Floats, dataset: Dataset) -> str | None:
    """A feature that was shifted into the future knows one of the next bars all too well."""
    strongest = 0.0, 0, 0.0
    ranked, told = centred_ranks(values)
    for ahead in range(1, max(dataset.overlap, AHEAD_BARS) + 1):
        at = dataset.places + ahead
        inside = at < dataset.moves.size
        moves = np.full(values.size, np.nan)
        moves[inside] = dataset.moves[at[inside]]
        both = told & np.isfinite(moves)
        count = int(np.count_nonzero(both))
        if count < 100:
            continue
        correlation = correlated(ranked[both], centred_ranks(moves[both])[0])
        sure = abs(correlation) - SURE_ERRORS / np.sqrt(count)
        if sure > strongest[0]:
            strongest = sure, ahead, correlation
    if strongest[0] <= AHEAD_MAX:
        return None
    _, ahead, correlation = strongest
    bars = "the next bar" if ahead == 1 else f"the bar {ahead} bars later"
    return f"knows {bars}: rank correlation {correlation:+.2f} with its return, so it may come from the future"


def knows_the_label(values: Floats, dataset: Dataset) -> str | None:
    rose = dataset.rose
    chosen = np.isfinite(values) & (rose >= 0)
    truth = rose[chosen] == 1
    if not 0 < np.count_nonzero(truth) < truth.size:
        return None
    found = auc(ranks(values[chosen]), truth, np.ones(truth.size))
    # Overlapping labels say the same several times.
    pieces = truth.size / max(dataset.overlap, 1)
    error = 1.0 / np.sqrt(12.0 * pieces * truth.mean() * (1.0 - truth.mean()))
    if abs(found - 0.5) - SURE_ERRORS * error <= ALONE_MAX - 0.5:
        return None
    return f"alone tells rising from falling: AUC {found:.3f}, so it may know what it could not have known"


def centred_ranks(values: Floats) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    told = np.isfinite(values)
    ranked = np.full(values.size, np.nan)
    if told.any():
        places = np.unique(values[told], return_inverse=True)[1]
        counts = np.bincount(places)
        middles = np.cumsum(counts) - (counts + 1) / 2.0
        ranked[told] = middles[places]
    return ranked, told


def correlated(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0.0 else 0.0
