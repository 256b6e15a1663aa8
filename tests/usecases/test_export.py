"""An export reads portion by portion, and keeps the database busy with none of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlReading, SqlStore
from ml_service.domain.exports import TABLES, Kind
from ml_service.domain.exports.performance import TABLE
from ml_service.domain.outcomes import DAY_MS
from ml_service.ports import Period
from ml_service.usecases import export as usecase
from ml_service.usecases.export import export, export_file
from tests.builders import NOW_MS, outcome, taken, thresholds

ALL = Period()


class Watched:
    """A store that knows how many looks at it are open."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.open = 0
        self.looks = 0

    @contextmanager
    def read(self) -> Iterator[SqlReading]:
        self.open += 1
        self.looks += 1
        with self.store.read() as reading:
            yield reading
        self.open -= 1


def test_no_look_is_open_while_rows_are_handed_out(
    embedded: Database, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usecase, "RECORDS_AT_ONCE", 2)
    monkeypatch.setattr(usecase, "DAYS_AT_ONCE", 1)
    recorder = DirectRecorder(embedded)
    recorder.record([taken(f"d-{number}", NOW_MS + number) for number in range(5)], 0)
    recorder.keep([outcome(f"t-{back}", closed_at_ms=NOW_MS - back * DAY_MS) for back in range(3)], NOW_MS)

    for kind, count, looks in (("decisions", 5, 3), ("outcomes", 3, 2), ("adaptations", 0, 1), ("performance", 3, 4)):
        watched = Watched(store)
        rows = export(kind, "ada", ALL, store=watched)  # type: ignore[arg-type]
        assert [watched.open for _ in rows] == [0] * count
        assert watched.looks == looks


def test_days_begin_and_end_with_the_window(embedded: Database, store: SqlStore) -> None:
    midnight = NOW_MS - NOW_MS % DAY_MS
    times = [midnight - 1, midnight, midnight + 5, midnight + 10, midnight + DAY_MS]
    trades = [outcome(f"t-{at}", pnl=1.0, closed_at_ms=at) for at in times]
    trades.append(outcome("eth", symbol="ETHUSDT", pnl=7.0, closed_at_ms=midnight + 6))
    DirectRecorder(embedded).keep(trades, NOW_MS + DAY_MS)
    names = [column.name for column in TABLE.columns]

    def told(period: Period) -> list[tuple[object, ...]]:
        rows = [dict(zip(names, row, strict=True)) for row in export("performance", "ada", period, store=store)]
        return [(row["date"], row["trades"], row["cumulated_pnl"]) for row in rows]

    today = midnight // DAY_MS
    assert told(ALL) == [(today - 1, 1, 1.0), (today, 4, 11.0), (today + 1, 1, 12.0)]
    assert told(Period("BTCUSDT", midnight + 5, midnight + 10)) == [(today, 1, 1.0)]
    assert told(Period("XRPUSDT")) == []


class Shelf:
    """Files that are only noted."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find(self, name: str) -> str | None:
        return name if name in self.names else None

    def write(self, name: str, columns: object, rows: object) -> str:
        self.names.append(name)
        return name

    def drop_old(self) -> int:
        return 0


def test_a_request_finds_its_file_until_its_rows_change(embedded: Database, store: SqlStore) -> None:
    shelf = Shelf()
    recorder = DirectRecorder(embedded)

    def found() -> dict[Kind, str]:
        return {
            kind: export_file(kind, "ada", Period(), until_named=False, store=store, files=shelf) for kind in TABLES
        }

    nothing = found()
    again = found()
    recorder.record([taken("d-1")], 0)
    decided = found()
    recorder.keep([outcome("t-1", closed_at_ms=NOW_MS)], NOW_MS)
    reported = found()
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
    moved = found()

    def changed(before: dict[Kind, str], after: dict[Kind, str]) -> set[Kind]:
        return {kind for kind in TABLES if before[kind] != after[kind]}

    assert changed(nothing, again) == set()
    assert changed(again, decided) == {"decisions"}
    assert changed(decided, reported) == {"outcomes", "performance"}
    assert changed(reported, moved) == {"adaptations"}
