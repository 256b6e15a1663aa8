"""Suspicion: what looks too good to be true on prices, and more often is a leak from the future than a discovery."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
CLIFF_MIN = 0.08
"""A correlation falls by so much, or more, from the last bar that went into a feature to the first that did not."""
STEP_MIN, STEP_ERRORS, STEP_APART = 0.03, 5.0, 1.7
"""A smaller fall counts where it stands alone: so much deeper than the next deepest. Slow features of size, such as a
volatility over 20 bars, forget one bar by so little."""
SURE_ERRORS = 4.0
LAGS = 24
"""So many bars are looked at, to either side."""
ROWS_MIN = 500

Of = Literal["return", "range"]
Wholes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Echoes:
    """Rank correlations of every feature with the bars around it: [feature, lag], from −LAGS to LAGS."""

    with_return: Floats
    with_range: Floats
    """With the size of the return, whatever its sign: volumes and volatilities know no direction."""
    rows: Wholes
    """Of every feature, how many could be told."""


def suspicions(dataset: Dataset) -> tuple[str, ...]:
    """Of features; each is named once."""
    return tuple(f"{name} {reason}" for name, reason in doubted(dataset))


def doubted(dataset: Dataset) -> Iterator[tuple[str, str]]:
    table = dataset.rows[dataset.places].astype(np.float64)
    heard = echoes(table, dataset)
    for column, name in enumerate(dataset.schema.names):
        count = int(heard.rows[column])
        if count < ROWS_MIN:
            continue
        error = 1.0 / float(np.sqrt(count))
        reason = (
            knows_a_bar(heard.with_return[column], error)
            or ends_too_late(heard.with_return[column], error, "return")
            or ends_too_late(heard.with_range[column], error, "range")
            or knows_the_label(table[:, column], dataset)
        )
        if reason is not None:
            yield name, reason


def model_suspicions(aucs: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    return tuple(
        f"{name} has an AUC of {value:.3f} on rows it has not seen: on prices, that is a leak until shown otherwise"
        for name, value in aucs
        if value > AUC_MAX
    )


def knows_a_bar(echo: Floats, error: float) -> str | None:
    """A feature that was shifted into the future knows one of the next bars all too well."""
    ahead = np.abs(echo[LAGS + 1 :])
    bar = int(np.argmax(ahead))
    if ahead[bar] - SURE_ERRORS * error <= AHEAD_MAX:
        return None
    correlation = echo[LAGS + 1 + bar]
    return (
        f"knows {named(bar + 1)}: rank correlation {correlation:+.2f} with its return, so it may come from the future"
    )


def ends_too_late(echo: Floats, error: float, of: Of) -> str | None:
    """Where a correlation falls most, a feature's bars end: known in time, they end with its own bar at the latest."""
    falls = np.abs(echo[:-1]) - np.abs(echo[1:])
    last = int(np.argmax(falls)) - LAGS
    if last < 1:
        return None
    next_fall, fall = np.sort(falls)[-2:]
    deep = fall - SURE_ERRORS * error > CLIFF_MIN
    alone = fall > max(STEP_MIN, STEP_ERRORS * error) and fall > STEP_APART * next_fall
    if not (deep or alone):
        return None
    what = "its return" if of == "return" else "how far it went"
    return (
        f"seems to be made with {named(last)}: its rank correlation with {what} is {echo[last + LAGS]:+.2f},"
        f" with that of the bar after it {echo[last + LAGS + 1]:+.2f}"
    )


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


def named(bar: int) -> str:
    return "the next bar" if bar == 1 else f"the bar {bar} bars later"


# ---- correlations


def echoes(table: Floats, dataset: Dataset) -> Echoes:
    features = np.stack([ranked(column) for column in table.T])
    at = dataset.places[:, None] + np.arange(-LAGS, LAGS + 1)
    inside = (at >= 0) & (at < dataset.moves.size)
    found = []
    for moves in (dataset.moves, np.abs(dataset.moves)):
        around = np.where(inside, ranked(moves)[np.where(inside, at, 0)], np.nan)
        found.append(correlations(features, around))
    return Echoes(found[0], found[1], np.isfinite(features).sum(axis=1))


def ranked(values: Floats) -> Floats:
    """Ranks about 0; ties share theirs, what is missing has none."""
    told = np.isfinite(values)
    found = np.full(values.size, np.nan)
    if told.any():
        places = np.unique(values[told], return_inverse=True)[1]
        counts = np.bincount(places)
        middles = np.cumsum(counts) - (counts + 1) / 2.0
        found[told] = middles[places] - np.count_nonzero(told) / 2.0 + 0.5
    return found


def correlations(features: Floats, around: Floats) -> Floats:
    """[feature, row] and [row, lag] → [feature, lag], each from the rows where both are told; 0 where none are."""
    one_told, other_told = np.isfinite(features).astype(np.float64), np.isfinite(around).astype(np.float64)
    one, other = np.nan_to_num(features), np.nan_to_num(around)
    scale = np.sqrt((one**2 @ other_told) * (one_told @ other**2))
    found: Floats = np.divide(one @ other, scale, out=np.zeros_like(scale), where=scale > 0.0)
    return found
