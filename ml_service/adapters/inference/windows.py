"""The last rows of every stream, in memory before a decision asks for them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import FeatureRow, FeaturesUsed
from ml_service.domain.market.intervals import INTERVALS
from ml_service.domain.market.row_windows import Window, moved_on
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import EVERY

Rows = Mapping[Stream, Sequence[FeatureRow]]


class Past(Protocol):
    def window(self, row: FeatureRow, count: int) -> Window: ...


class Windows:
    """Read from the market's store by one thread; requests take what is there."""

    def __init__(self, market: Past) -> None:
        self._market = market
        self._known: Mapping[str, Window] = {}
        """By the row they end with."""

    def load(self, rows: Rows, sets: Iterable[ModelSet]) -> None:
        """Before the newest rows of the streams that they speak for; all others are forgotten."""
        wanted: dict[str, int] = {}
        for models in sets:
            if models.rows_back > 1:
                symbol = models.place.symbol
                wanted[symbol] = max(models.rows_back, wanted.get(symbol, 1))
        known: dict[str, Window] = {}
        for stream, some in rows.items() if wanted else ():
            count = max(wanted.get(stream.symbol, 1), wanted.get(EVERY, 1))
            for row in reversed(some) if count > 1 else ():
                found = self._known.get(row.set_id)
                if found is None:
                    found = self._continued(row, some)
                if found is None or len(found) < count:
                    found = self._market.window(row, count)
                known[row.set_id] = found
        self._known = known

    def ending_with(self, used: FeaturesUsed, rows: Rows, rows_back: int) -> NDArray[np.float32] | None:
        """[row, feature]; None where they have not been read yet."""
        row = next((one for one in rows.get(used.stream, ()) if one.set_id == used.set_id), None)
        if row is None:
            return None
        if rows_back == 1:
            return np.array([row.values], np.float32)
        window = self._known.get(row.set_id)
        if window is None:
            window = self._continued(row, rows[used.stream])
        return window[-rows_back:] if window is not None and len(window) >= rows_back else None

    def _continued(self, row: FeatureRow, known: Iterable[FeatureRow]) -> Window | None:
        """A bar that has just closed is one row more than what is known of the bar before it."""
        for before in known:
            if (before.opened_at_ms + INTERVALS[row.stream.interval], before.revision, before.schema_hash) == (
                row.opened_at_ms,
                row.revision,
                row.schema_hash,
            ) and before.set_id in self._known:
                return moved_on(self._known[before.set_id], row.values)
        return None
