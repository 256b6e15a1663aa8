"""The rows before a row, for models that look back: what training saw as a window is put together the same way here."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Window = NDArray[np.float32]
"""[row, feature], the newest last; NaN before a gap."""


def window_of(values: Mapping[int, Sequence[float]], newest_ms: int, step_ms: int, count: int) -> Window:
    """`values` by the opening of their bar, that of the newest among them."""
    window = np.full((count, len(values[newest_ms])), np.nan, np.float32)
    for back in range(count):
        found = values.get(newest_ms - back * step_ms)
        if found is None:
            break
        window[count - 1 - back] = found
    return window


def moved_on(window: Window, values: Sequence[float]) -> Window:
    """The window of the row that comes right after."""
    moved = np.roll(window, -1, axis=0)
    moved[-1] = values
    return moved
