"""Columns as a file has them → candles in the order of time, each moment once."""

from collections.abc import Mapping

import numpy as np

from ml_service.adapters.market.found import Bars, VolumeUnit
from ml_service.domain.market.candles import COLUMNS, Candles, Floats, Moments, candles_of

AGREEMENT_MIN = 0.9
"""Of the bars with volume, whose mean price (quote volume over volume) lies between low and high."""


def tidied(opened_at_ms: Moments, columns: Mapping[str, Floats], time_unit: str, volume_unit: VolumeUnit) -> Bars:
    """`columns` may hold `quote_volume` besides those of a candle: it shows which unit the volume is in."""
    told = {name: values for name, values in columns.items() if name in COLUMNS}
    candles = candles_of(opened_at_ms, **told)
    rows = len(candles)
    why: tuple[str, ...] = ()
    quote_volume = columns.get("quote_volume")
    if quote_volume is not None:
        volume_unit, said = unit_seen(candles, quote_volume, volume_unit)
        why = (said,) if said else ()
    steps = np.diff(candles.opened_at_ms)
    if np.all(steps > 0):
        return Bars(candles, rows, time_unit, volume_unit, 0, (), why)
    candles = taken(candles, np.argsort(candles.opened_at_ms, kind="stable"))
    turned = "newest first" if np.all(steps <= 0) else "not in the order of time"
    once, repeated, contradicted = each_once(candles)
    if np.any(steps < 0):
        why = (*why, f"the rows were {turned}, and were sorted")
    return Bars(once, rows, time_unit, volume_unit, repeated, contradicted, why)


def each_once(candles: Candles) -> tuple[Candles, int, tuple[int, ...]]:
    """What was said twice alike is kept once; of what was said twice differently nothing is kept."""
    opened = candles.opened_at_ms
    again = np.concatenate(([False], opened[1:] == opened[:-1]))
    differs = np.zeros(opened.size, bool)
    for name in COLUMNS:
        values = getattr(candles, name)
        differs[1:] |= again[1:] & ~((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1])))
    contradicted = np.unique(opened[differs])
    keep = ~again & ~np.isin(opened, contradicted)
    repeated = int(np.count_nonzero(again & ~np.isin(opened, contradicted)))
    return taken(candles, np.flatnonzero(keep)), repeated, tuple(contradicted.tolist())


def taken(candles: Candles, rows: Moments) -> Candles:
    return Candles(candles.opened_at_ms[rows], *(getattr(candles, name)[rows] for name in COLUMNS))


def unit_seen(candles: Candles, quote_volume: Floats, believed: VolumeUnit) -> tuple[VolumeUnit, str]:
    """The price at which the volume changed hands must lie within the bar; turned over, it shows the units swapped."""
    traded = (candles.volume > 0) & (quote_volume > 0)
    if not traded.any():
        return believed, ""
    low, high = candles.low[traded] * 0.999, candles.high[traded] * 1.001
    price = quote_volume[traded] / candles.volume[traded]
    if np.mean((price >= low) & (price <= high)) >= AGREEMENT_MIN:
        return "base", "volume in base units: quote volume over volume lies between low and high"
    if np.mean((1 / price >= low) & (1 / price <= high)) >= AGREEMENT_MIN:
        return "quote", "volume in quote units: volume over quote volume lies between low and high"
    return "unknown", "volume unit unknown: quote volume over volume is no price of the bar"
