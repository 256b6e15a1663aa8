"""A data set made of candles: every bar is a row, and what the market did next is its label."""

from dataclasses import dataclass

import numpy as np

from ml_service.domain.market.candles import Candles, Floats
from ml_service.domain.market.noise import NoiseReport, noise
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.settlement import Costs
from ml_service.features.rows import SETTLED_BARS, WARM_UP_BARS, table
from ml_service.features.schema import SCHEMA
from ml_service.learning.dataset import Dataset
from ml_service.learning.labels import Label, labels_of

CUTS = (0.5, 0.75, 0.95)
LAST_ROWS = 8


@dataclass(frozen=True, slots=True, eq=False)
class FromCandles:
    dataset: Dataset
    noise: NoiseReport
    changed_later: tuple[str, ...]
    """Features that say something else of a bar once there are later ones."""


def from_candles(
    candles: Candles, interval_ms: int, label: Label, costs: Costs, since_ms: int | None = None
) -> FromCandles:
    """Bars before `since_ms` are there for features and regimes to settle on, and are no rows of their own."""
    report = noise(candles, interval_ms)
    rows = table(candles)
    found = labels_of(candles, interval_ms, label, costs)
    begin = max(WARM_UP_BARS, 0 if since_ms is None else int(np.searchsorted(candles.opened_at_ms, since_ms)))
    chosen = found.places >= begin
    places = found.places[chosen]
    dataset = Dataset(
        schema=SCHEMA,
        rows=rows.astype(np.float32),
        follows=np.diff(candles.opened_at_ms, prepend=0) == interval_ms,
        opened_at_ms=candles.opened_at_ms,
        moves=moves_of(candles),
        places=places,
        known_from=found.known_from[chosen],
        bought=found.bought[chosen],
        sold=found.sold[chosen],
        keep=report.keep[places],
        regime=regimes_of(candles).code[places],
        overlap=label.horizon_bars,
    )
    return FromCandles(dataset, report, changed_later(candles, rows))


def changed_later(candles: Candles, rows: Floats) -> tuple[str, ...]:
    """As if the last bars had not come yet, at several moments: a feature that was known in time stays what it was."""
    changed = np.zeros(rows.shape[1], bool)
    for share in CUTS:
        end = round(share * len(candles))
        begin = max(end - SETTLED_BARS - LAST_ROWS, 0)
        then, now = table(candles[begin:end])[-LAST_ROWS:], rows[begin:end][-LAST_ROWS:]
        changed |= ~np.all(np.isclose(then, now, rtol=1e-6, atol=1e-9, equal_nan=True), axis=0)
    return tuple(name for name, is_changed in zip(SCHEMA.names, changed, strict=True) if is_changed)


def moves_of(candles: Candles) -> Floats:
    moves = np.full(len(candles), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves[1:] = candles.close[1:] / candles.close[:-1] - 1.0
    moves[~np.isfinite(moves)] = np.nan
    return moves
