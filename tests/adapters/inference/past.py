"""What forecasters read: the rows of streams, the views that name them, and a market that remembers who asked."""

from collections.abc import Iterable, Mapping

from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import ANY_SOURCE, FeatureRow, FeaturesUsed, by_symbol, with_newer
from ml_service.domain.market.row_windows import Window, window_of
from ml_service.domain.models.set_document import SignedSet
from ml_service.domain.view import View
from ml_service.errors import StoreUnavailable
from ml_service.features.schema import SCHEMA
from tests.builders import policy
from tests.candles import BTC, FIRST_MS, HOUR_MS

ETH = Stream("binance", "ETHUSDT", "1h")


def row(number: int, stream: Stream = BTC, revision: int = 0, schema_hash: str = SCHEMA.hash) -> FeatureRow:
    """Of the bar of that number, which its first value tells in tenths; later revisions say a hundred more each."""
    values = (number / 10.0 + 100.0 * revision, *[0.0] * (len(SCHEMA.names) - 1))
    set_id = f"{stream.symbol}/{number}/{revision}"
    return FeatureRow(stream, FIRST_MS + number * HOUR_MS, schema_hash, set_id, values, revision=revision)


def rows(*found: FeatureRow) -> dict[Stream, tuple[FeatureRow, ...]]:
    """As a view holds them; the oldest first is how they come."""
    kept: dict[Stream, tuple[FeatureRow, ...]] = {}
    for one in found:
        kept[one.stream] = with_newer(kept.get(one.stream, ()), one)
    return kept


def used(one: FeatureRow) -> FeaturesUsed:
    found = view(one).features_for(one.stream.symbol, one.closed_ms)
    assert found is not None
    return found


def view(*found: FeatureRow, champions: Iterable[SignedSet] = ()) -> View:
    sets: Mapping[str, SignedSet] = {one.models.set_id: one for one in champions}
    return View(
        policy(),
        "settings",
        feature_rows=rows(*found),
        rows_of_symbol=by_symbol(found, ANY_SOURCE),
        champions={one.models.place: one.models for one in sets.values()},
        signatures={one.models.place: one.signed for one in sets.values()},
    )


class Past:
    """A market's store that has these rows, while it answers."""

    def __init__(self, *found: FeatureRow) -> None:
        self.rows = list(found)
        self.asked: list[tuple[str, int]] = []
        self.is_away = False

    def window(self, row: FeatureRow, count: int) -> Window:
        if self.is_away:
            raise StoreUnavailable("the database is not answering")
        self.asked.append((row.set_id, count))
        before = (one for one in self.rows if one.stream == row.stream and one.revision <= row.revision)
        values = {one.opened_at_ms: one.values for one in before if one.opened_at_ms < row.opened_at_ms}
        return window_of({**values, row.opened_at_ms: row.values}, row.opened_at_ms, HOUR_MS, count)
