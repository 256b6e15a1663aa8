"""The straight line that fits the closes of 14 bars best.

Worked out from how far they are from their mean: TA-Lib carries sums of prices along, of which a gentle slope is the
last few digits.
"""

from collections.abc import Sequence

import numpy as np

from ml_service.domain.market.candles import Floats
from ml_service.features import rolling, windows

BARS = 14
PLACES = [place - (BARS - 1) / 2 for place in range(BARS)]
COLUMN = np.array(PLACES)[:, np.newaxis]
SPREAD = sum(place * place for place in PLACES)


def slopes(rows: Floats) -> Floats:
    return windows.product(windows.centred(rows), COLUMN) / SPREAD


def slope(window: Sequence[float]) -> float:
    return rolling.product(rolling.centred(window), PLACES) / SPREAD


def fits(rows: Floats) -> Floats:
    """R²; missing where all closes are equal."""
    off = windows.centred(rows)
    along = windows.product(off, COLUMN)
    return windows.share_of(along * along, SPREAD * windows.product(off, off))


def fit(window: Sequence[float]) -> float:
    off = rolling.centred(window)
    along = rolling.product(off, PLACES)
    return rolling.ratio(along * along, SPREAD * rolling.product(off, off))
