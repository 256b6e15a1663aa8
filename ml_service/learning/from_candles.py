"""A data set made of candles: every bar is a row, and what the market did next is its label."""

from dataclasses import dataclass

import numpy as np

from ml_service.domain.market.candles import Candles
from ml_service.domain.market.noise import NoiseReport, noise
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.settlement import Costs
from ml_service.features.rows import WARM_UP_BARS, table
from ml_service.features.schema import SCHEMA
from ml_service.learning.dataset import Dataset
from ml_service.learning.labels import Label, labels_of


@dataclass(frozen=True, slots=True, eq=False)
class FromCandles:
    dataset: Dataset
    noise: NoiseReport


def from_candles(
    candles: Candles, interval_ms: int, label: Label, costs: Costs, since_ms: int | None = None
) -> FromCandles:
    """Bars before `since_ms` are there for features and regimes to settle on, and are no rows of their own."""
    report = noise(candles, interval_ms)
    found = labels_of(candles, interval_ms, label, costs)
    begin = max(WARM_UP_BARS, 0 if since_ms is None else int(np.searchsorted(candles.opened_at_ms, since_ms)))
    chosen = found.places >= begin
    places = found.places[chosen]
    dataset = Dataset(
        schema=SCHEMA,
        rows=table(candles).astype(np.float32),
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
    return FromCandles(dataset, report)


def moves_of(candles: Candles) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    moves = np.full(len(candles), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves[1:] = candles.close[1:] / candles.close[:-1] - 1.0
    moves[~np.isfinite(moves)] = np.nan
    return moves
