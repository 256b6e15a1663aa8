"""Candles taken in: the rows that are made of them are those that the whole series gives, whatever happens between."""

from collections.abc import Iterator

import numpy as np
import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.schema import MARKET
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.market.arrivals import Added
from ml_service.domain.market.candles import Candles, joined
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.errors import Conflict
from ml_service.features.rows import table
from ml_service.features.schema import SCHEMA
from ml_service.usecases import take_candles as module
from ml_service.usecases.take_candles import LiveFeatures, take_candles
from tests.candles import BTC, FIRST_MS, HOUR_MS, changed, walk
from tests.migrated import migrated

NOW_MS = FIRST_MS + 100_000 * HOUR_MS


class Counter:
    """Takes candles in as one process does, and as another one after a restart."""

    def __init__(self, market: SqlMarket, store: SqlStore) -> None:
        self.market, self.store = market, store
        self.live = LiveFeatures()

    def take(self, candles: Candles, more_to_come: bool = False) -> Added:
        return take_candles(
            BTC,
            candles,
            market=self.market,
            store=self.store,
            live=self.live,
            now_ms=NOW_MS,
            more_to_come=more_to_come,
        )

    def restart(self) -> None:
        self.live = LiveFeatures()

    def head(self) -> FeatureRow:
        with self.store.read() as reading:
            changes = reading.changes_since("", -1)
        assert changes is not None
        (row,) = changes.feature_rows
        return row


@pytest.fixture(params=["sqlite", "postgres"])
def counter(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Counter]:
    if request.param == "postgres":
        url = market_url = request.getfixturevalue("postgres_url")
    else:
        url, market_url = f"sqlite:///{tmp_path}/store.db", f"sqlite:///{tmp_path}/market.db"
        migrated(url)
        migrated(market_url, MARKET)
    database, market = Database(url), Database(market_url)
    yield Counter(SqlMarket(market), SqlStore(database))
    market.close()
    database.close()


def assert_row(found: FeatureRow, candles: Candles) -> None:
    """As the batch form tells the last bar of the whole series."""
    assert found.opened_at_ms == candles.opened_at_ms[-1]
    assert found.schema_hash == SCHEMA.hash
    expected = table(candles)[-1]
    assert np.allclose(found.values, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    assert found.missing == tuple(name for name, value in zip(SCHEMA.names, expected, strict=True) if np.isnan(value))
    regime = regimes_of(candles).at(len(candles) - 1)
    assert found.regime == (regime.regime if regime is not None else None)


def test_bar_by_bar_each_row_is_that_of_the_whole_series(counter: Counter) -> None:
    candles = walk(640)
    counter.take(candles[:600])

    for at in range(600, 640):
        assert counter.take(candles[at : at + 1]) == Added(new=1)
        if at % 10 == 0:
            assert_row(counter.head(), candles[: at + 1])


def test_the_state_survives_a_restart(counter: Counter) -> None:
    candles = walk(1_500)
    counter.take(candles[:1_499])

    counter.restart()
    counter.take(candles[1_499:])

    assert_row(counter.head(), candles)


def test_what_another_process_took_in_is_not_missed(counter: Counter) -> None:
    candles = walk(700)
    other = Counter(counter.market, counter.store)

    for at, one in zip(range(600, 700, 10), [counter, other] * 5, strict=True):
        one.take(candles[: at + 10] if at == 600 else candles[at : at + 10])

    assert_row(counter.head(), candles)


def test_a_correction_of_the_last_bar_makes_another_row_and_leaves_the_former(counter: Counter) -> None:
    candles = walk(700)
    counter.take(candles)
    before = counter.head()
    corrected = changed(candles, 699, volume=1.0)

    assert counter.take(corrected[699:]) == Added(corrected=1)

    assert_row(counter.head(), corrected)
    assert counter.head().set_id != before.set_id
    kept = counter.market.feature_row(BTC, before.opened_at_ms, before.set_id)
    assert kept is not None
    assert np.array_equal(kept.values, before.values, equal_nan=True)


def test_a_filled_hole_changes_the_row_of_the_last_bar(counter: Counter) -> None:
    candles = walk(700)
    counter.take(joined([candles[:690], candles[693:]]))

    counter.take(candles[690:693])

    assert_row(counter.head(), candles)


def test_the_same_again_makes_nothing_new(counter: Counter) -> None:
    candles = walk(600)
    counter.take(candles)
    before = counter.head()
    with counter.store.read() as reading:
        generation = getattr(reading.changes_since("", -1), "generation", None)

    assert counter.take(candles[500:]) == Added(same=100)

    assert counter.head() == before
    with counter.store.read() as reading:
        assert getattr(reading.changes_since("", -1), "generation", None) == generation


def test_every_new_bar_gets_its_row_as_far_back_as_a_sequence_is_read(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", 20)
    candles = walk(700)

    counter.take(candles)

    made = [counter.market.rows_of(BTC, int(moment)) for moment in candles.opened_at_ms[-25:]]
    assert [len(rows) for rows in made] == [0] * 5 + [1] * 20


def test_a_kill_between_the_bar_and_the_snapshot_is_put_right_by_the_same_bar_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    candles = walk(600)
    counter.take(candles[:599])

    def killed() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(counter.store, "begin", killed)
        with pytest.raises(KeyboardInterrupt):
            counter.take(candles[599:])
    counter.restart()
    assert counter.head().opened_at_ms == candles.opened_at_ms[598]

    assert counter.take(candles[599:]) == Added(same=1)

    assert_row(counter.head(), candles)


def test_an_import_that_was_stopped_has_its_rows_once_it_goes_on(counter: Counter) -> None:
    candles = walk(900)
    counter.take(candles[:400], more_to_come=True)
    counter.take(candles[400:], more_to_come=True)
    counter.restart()

    assert counter.take(candles[800:]) == Added(same=100)

    assert_row(counter.head(), candles)
    assert all(counter.market.rows_of(BTC, int(moment)) for moment in candles.opened_at_ms[-module.ROWS_MAX :])


def test_an_import_that_corrects_the_last_bar_or_fills_holes_leaves_no_former_features(counter: Counter) -> None:
    candles = walk(700)
    counter.take(joined([candles[:300], candles[650:]]))
    corrected = changed(candles, 699, volume=1.0)

    counter.take(corrected, more_to_come=True)
    counter.restart()
    counter.take(corrected[699:])

    assert_row(counter.head(), corrected)


def test_who_comes_late_with_a_former_row_does_not_put_it_back(counter: Counter) -> None:
    candles = walk(600)
    counter.take(candles)
    former = counter.head()
    counter.take(changed(candles, 599, volume=1.0)[599:])
    corrected = counter.head()

    with counter.store.begin() as tx:
        assert not tx.save_feature_head(former)

    assert counter.head() == corrected


def test_a_stream_in_another_unit_is_refused_and_nothing_of_it_is_kept(counter: Counter) -> None:
    def take(part: Candles, unit: str) -> Added:
        given = {"market": counter.market, "store": counter.store, "live": counter.live, "now_ms": NOW_MS}
        return take_candles(BTC, part, volume_unit=unit, **given)  # type: ignore[arg-type]

    candles = walk(20)
    take(candles[:10], "base")

    with pytest.raises(Conflict, match="in base, these in quote"):
        take(candles[10:], "quote")

    assert counter.market.count(BTC) == 10
    assert take(candles[10:], "base") == Added(new=10)


def test_old_rows_go_in_batches_but_never_the_newest(counter: Counter) -> None:
    candles = walk(650)
    counter.take(candles)
    made = [len(counter.market.rows_of(BTC, int(moment))) for moment in candles.opened_at_ms]

    kept = counter.market.drop_feature_rows(NOW_MS, 100)
    first = counter.market.drop_feature_rows(NOW_MS + 1, 100)
    rest = counter.market.drop_feature_rows(NOW_MS + 1, 10_000)

    assert (sum(made), kept, first, rest) == (512, 0, 100, 411)
    assert counter.head().opened_at_ms == candles.opened_at_ms[-1]
    assert len(counter.market.rows_of(BTC, int(candles.opened_at_ms[-1]))) == 1
    assert counter.take(candles) == Added(same=650)


def test_only_what_is_refused_moves_nothing(counter: Counter) -> None:
    candles = walk(600)
    counter.take(candles)
    before = counter.head()

    added = counter.take(changed(candles, 10, close=5.0, low=4.0)[10:11])

    assert (added.new, added.same, added.corrected, len(added.refused)) == (0, 0, 0, 1)
    assert counter.head() == before
