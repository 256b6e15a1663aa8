"""The market's store, on both kinds of database."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from ml_service.adapters.market.arrow import as_arrow
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.schema import MARKET, upgrade
from ml_service.domain.market.arrivals import Added
from ml_service.domain.market.candles import Candles, Stream, joined
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.features.schema import SCHEMA
from tests.candles import BTC, FIRST_MS, HOUR_MS, changed, rows, walk


@pytest.fixture
def market(store_url: str) -> Iterator[SqlMarket]:
    upgrade(store_url, line=MARKET)
    database = Database(store_url)
    yield SqlMarket(database)
    database.close()


def add(market: SqlMarket, candles: Candles, stream: Stream = BTC) -> Added:
    with market.taking(stream, candles) as taking:
        return taking.add(candles)


def revision(market: SqlMarket) -> int:
    info = market.info(BTC)
    assert info is not None
    return info.revision


def test_candles_come_back_as_they_went_in_missing_parts_included(market: SqlMarket) -> None:
    candles = changed(walk(100), 7, taker_buy=3.5, best_bid=29_999.0, best_ask=30_001.0)

    assert add(market, candles) == Added(new=100)

    assert rows(joined(market.candles(BTC))) == rows(candles)
    assert rows(joined(market.candles(BTC, rows_at_once=7))) == rows(candles)
    assert rows(market.latest(BTC, 3)) == rows(candles[97:])


def test_candles_are_read_as_arrow_a_portion_at_a_time(market: SqlMarket) -> None:
    candles = changed(walk(100), 7, taker_buy=3.5)
    add(market, candles)

    reader = as_arrow(BTC, market.candles(BTC, rows_at_once=40))

    assert reader.schema.metadata == {b"exchange": b"binance", b"symbol": b"BTCUSDT", b"interval": b"1h"}
    first = reader.read_next_batch()
    rest = reader.read_all()
    assert (first.num_rows, rest.num_rows) == (40, 60)
    assert first["close"].to_pylist() == candles.close[:40].tolist()
    assert first["opened_at_ms"].to_pylist() == candles.opened_at_ms[:40].tolist()
    assert first["taker_buy"].null_count == 39


def test_a_part_is_asked_for_by_time(market: SqlMarket) -> None:
    add(market, walk(10))

    part = joined(market.candles(BTC, FIRST_MS + 2 * HOUR_MS, FIRST_MS + 5 * HOUR_MS))

    assert part.opened_at_ms.tolist() == [FIRST_MS + at * HOUR_MS for at in (2, 3, 4)]


def test_the_same_candles_again_change_nothing(market: SqlMarket) -> None:
    candles = walk(50)
    add(market, candles)

    again = add(market, candles)

    assert again == Added(same=50)
    assert revision(market) == 0
    assert rows(joined(market.candles(BTC))) == rows(candles)


def test_the_last_bar_may_be_corrected_and_an_older_one_may_not(market: SqlMarket) -> None:
    candles = walk(5)
    add(market, candles)

    last = add(market, changed(candles, 4, volume=1.0)[4:])
    older = add(market, changed(candles, 3, volume=1.0)[3:4])

    assert (last.corrected, older.corrected) == (1, 0)
    assert [one.opened_at_ms for one in older.refused] == [FIRST_MS + 3 * HOUR_MS]
    assert "only the last bar may be corrected" in older.refused[0].why
    assert "volume" in older.refused[0].why
    assert joined(market.candles(BTC)).volume.tolist() == [*candles.volume[:4].tolist(), 1.0]
    assert revision(market) == 1


def test_what_was_the_last_bar_may_be_corrected_together_with_the_bars_after_it(market: SqlMarket) -> None:
    candles = walk(8)
    add(market, candles[:5])

    added = add(market, changed(candles, 4, volume=1.0))

    assert added == Added(new=3, same=4, corrected=1)


def test_what_is_not_told_anew_says_nothing_against_what_is_known(market: SqlMarket) -> None:
    known = changed(walk(5), 2, taker_buy=4.0)
    add(market, known)

    assert add(market, walk(5)) == Added(same=5)

    assert rows(joined(market.candles(BTC))) == rows(known)


def test_bars_that_fill_a_hole_are_taken_and_move_the_revision(market: SqlMarket) -> None:
    candles = walk(10)
    add(market, joined([candles[:3], candles[6:]]))

    assert add(market, candles[2:7]) == Added(new=3, same=2)

    assert rows(joined(market.candles(BTC))) == rows(candles)
    assert revision(market) == 1


def test_bars_at_the_end_leave_the_revision_as_it_is(market: SqlMarket) -> None:
    candles = walk(10)

    add(market, candles[:5])
    add(market, candles[4:])

    assert revision(market) == 0


def test_streams_are_kept_apart(market: SqlMarket) -> None:
    other = Stream("kucoin", "BTCUSDT", "1h")
    add(market, walk(5))
    add(market, walk(7, seed=1), other)

    assert [(info.stream, info.first_ms, info.last_ms) for info in market.streams()] == [
        (BTC, FIRST_MS, FIRST_MS + 4 * HOUR_MS),
        (other, FIRST_MS, FIRST_MS + 6 * HOUR_MS),
    ]
    assert (market.count(BTC), market.count(other), market.count(Stream("x", "Y", "1h"))) == (5, 7, 0)


def test_a_transaction_that_fails_leaves_nothing(market: SqlMarket) -> None:
    candles = walk(5)

    def fail() -> None:
        with market.taking(BTC, candles) as taking:
            taking.add(candles)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert market.info(BTC) is None


def test_two_who_add_to_one_stream_at_once_wait_for_each_other(market: SqlMarket) -> None:
    candles, seen = walk(200), []

    def post(begin: int) -> None:
        for at in range(begin, 200, 2):
            with market.taking(BTC, candles[at : at + 1]) as taking:
                taking.add(candles[at : at + 1])
                seen.append(taking.latest(500).opened_at_ms.size)

    threads = [threading.Thread(target=post, args=(begin,)) for begin in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Nobody saw a number of bars that another had seen: each came after all that were there before it.
    assert seen == list(range(1, 201))
    assert rows(joined(market.candles(BTC))) == rows(candles)


def test_candles_of_many_years_are_found_again(market: SqlMarket) -> None:
    candles = walk(60, length_ms=45 * 24 * HOUR_MS, first_ms=1_500_000_000_000)

    add(market, candles)

    assert rows(joined(market.candles(BTC))) == rows(candles)


def test_a_feature_row_comes_back_with_its_missing_values(market: SqlMarket) -> None:
    values = (*[0.5] * 24, float("nan"))
    row = FeatureRow(BTC, FIRST_MS, SCHEMA.hash, "some-id", values, (SCHEMA.names[-1],), "volatile", 0.7)

    with market.taking(BTC, walk(1)) as taking:
        taking.add(walk(1))
        taking.save_rows([row, row], 5)
        newest = taking.newest_row()

    found = market.feature_row(BTC, FIRST_MS, "some-id")
    for told in (newest, found):
        assert told is not None
        assert np.array_equal(told.values, values, equal_nan=True)
        assert (told.missing, told.regime, told.regime_confidence) == ((SCHEMA.names[-1],), "volatile", 0.7)
    assert market.feature_row(BTC, FIRST_MS, "another") is None
    assert [(seen.schema, seen.first_seen_ms) for seen in market.schemas()] == [(SCHEMA, 5)]


def test_bars_of_a_new_month_can_come_from_many_at_once(market: SqlMarket) -> None:
    """On PostgreSQL each of them finds that a partition is missing."""
    month_ms, failed = 31 * 24 * HOUR_MS, []

    def post(number: int) -> None:
        stream = Stream("binance", f"COIN{number}USDT", "1h")
        other = SqlMarket(market._database)
        for month in range(6):
            candles = walk(3, first_ms=FIRST_MS + month * month_ms)
            try:
                with other.taking(stream, candles) as taking:
                    taking.add(candles)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert [market.count(info.stream) for info in market.streams()] == [18] * 4


def test_two_bars_that_are_years_apart_make_two_partitions_and_read_two_bars(market: SqlMarket) -> None:
    years_apart = joined([walk(1, first_ms=1_300_000_800_000 // HOUR_MS * HOUR_MS), walk(1)])

    assert add(market, years_apart) == Added(new=2)
    assert add(market, changed(years_apart, 1, volume=2.0)) == Added(same=1, corrected=1)

    with market._database.read() as connection:
        if connection.dialect.name == "postgresql":
            query = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'candles'::regclass"
            partitions = connection.exec_driver_sql(query).scalar_one()
            before = connection.exec_driver_sql("SELECT to_regclass('candles_2012_05')").scalar()
            assert partitions < 200
            assert before is None


def told_after(number: int, value: float, schema_hash: str = SCHEMA.hash) -> FeatureRow:
    """A row whose values are all the same."""
    values = (value,) * len(SCHEMA.names)
    return FeatureRow(BTC, FIRST_MS + number * HOUR_MS, schema_hash, f"{number}/{value}", values)


def firsts(market: SqlMarket, row: FeatureRow, count: int) -> list[float]:
    """One value of each row of a window; NaN is told as -1."""
    return np.nan_to_num(market.window(row, count)[:, 0], nan=-1.0).tolist()  # type: ignore[no-any-return]  # a list of floats


def test_a_window_ends_with_its_row_and_stops_before_a_gap(market: SqlMarket) -> None:
    add(market, walk(8))
    with market.taking(BTC, walk(8)) as taking:
        taking.save_rows([told_after(number, float(number)) for number in (0, 1, 3, 4, 5)], FIRST_MS)

    assert firsts(market, told_after(5, 5.0), 3) == [3.0, 4.0, 5.0]
    assert firsts(market, told_after(5, 5.0), 5) == [-1.0, -1.0, 3.0, 4.0, 5.0]
    assert firsts(market, told_after(1, 1.0), 1) == [1.0]
    assert market.window(told_after(5, 5.0), 5).dtype == np.float32


def test_a_window_is_made_of_the_rows_as_they_stood_then(market: SqlMarket) -> None:
    candles = walk(8)
    add(market, candles)
    with market.taking(BTC, candles) as taking:
        taking.save_rows([told_after(number, float(number)) for number in range(6)], FIRST_MS)
    before = market.feature_row(BTC, FIRST_MS + 5 * HOUR_MS, "5/5.0")
    add(market, changed(candles, 7, close=30_001.0)[7:])
    with market.taking(BTC, candles) as taking:
        taking.save_rows([told_after(4, 40.0), told_after(5, 50.0)], FIRST_MS)
    after = market.feature_row(BTC, FIRST_MS + 5 * HOUR_MS, "5/50.0")

    assert before is not None
    assert after is not None
    assert after.revision > before.revision
    assert firsts(market, before, 3) == [3.0, 4.0, 5.0]
    assert firsts(market, after, 3) == [3.0, 40.0, 50.0]


def test_a_window_of_a_stream_that_nobody_knows_is_its_row_alone(market: SqlMarket) -> None:
    assert firsts(market, told_after(5, 5.0), 2) == [-1.0, 5.0]
