"""The market's store: candles by stream, and the feature rows made of them. One writer at a time for each stream."""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sqlalchemy import Connection, and_, delete, func, select, tuple_, update

from ml_service.adapters.store import market_tables as t
from ml_service.adapters.store.codec import Row
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.partitions import ensure_candle_partitions
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.domain.market.arrivals import Added, RefusedBar, alike, difference
from ml_service.domain.market.candles import COLUMNS, Candles, Stream, candles_from, joined
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.market.intervals import INTERVALS
from ml_service.domain.market.row_windows import Window, window_of
from ml_service.errors import Conflict
from ml_service.features.rows import missing
from ml_service.features.schema import SCHEMA, Schema
from ml_service.ports import SeenSchema, StreamInfo

ROWS_AT_ONCE = 20_000
NAMES_AT_ONCE = 500
NAMES = ("stream_id", "opened_at_ms", *COLUMNS)
ALL = f"SELECT {', '.join(NAMES[1:])} FROM candles"
FEATURES = np.dtype("<f8")


class SqlMarket:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._months: set[datetime.date] = set()
        """Whose partitions are there."""

    # ---- reading

    def streams(self) -> Sequence[StreamInfo]:
        with self._database.read() as connection:
            rows = connection.execute(select(t.streams)).mappings().all()
            infos = [info_from(connection, row) for row in rows]
        return sorted((info for info in infos if info.last_ms is not None), key=lambda info: info.stream)

    def info(self, stream: Stream) -> StreamInfo | None:
        with self._database.read() as connection:
            row = find(connection, stream)
            return None if row is None else info_from(connection, row)

    def count(self, stream: Stream) -> int:
        with self._database.read() as connection:
            row = find(connection, stream)
            if row is None:
                return 0
            query = select(func.count()).select_from(t.candles).where(t.candles.c.stream_id == row["id"])
            return int(connection.execute(query).scalar_one())

    def candles(
        self, stream: Stream, since_ms: int | None = None, until_ms: int | None = None, rows_at_once: int = 100_000
    ) -> Iterator[Candles]:
        """In the order of time, so many at once; each portion is a look of its own, so that nobody waits."""
        after = (since_ms if since_ms is not None else 0) - 1
        while True:
            with self._database.read() as connection:
                row = find(connection, stream)
                if row is None:
                    return
                part = bars(connection, row["id"], after, until_ms, rows_at_once)
            if len(part):
                yield part
                after = int(part.opened_at_ms[-1])
            if len(part) < rows_at_once:
                return

    def latest(self, stream: Stream, count: int) -> Candles:
        with self._database.read() as connection:
            row = find(connection, stream)
            return candles_from(()) if row is None else last_bars(connection, row["id"], count)

    def feature_row(self, stream: Stream, opened_at_ms: int, set_id: str) -> FeatureRow | None:
        return next((row for row in self.rows_of(stream, opened_at_ms) if row.set_id == set_id), None)

    def rows_of(self, stream: Stream, opened_at_ms: int) -> Sequence[FeatureRow]:
        """Every row that was made after this bar: one, and another for each time that bars were changed."""
        with self._database.read() as connection:
            row = find(connection, stream)
            if row is None:
                return ()
            c = t.feature_rows.c
            query = select(t.feature_rows).where(c.stream_id == row["id"], c.opened_at_ms == opened_at_ms)
            return [row_from(stream, one) for one in connection.execute(query.order_by(c.revision)).mappings()]

    def window(self, row: FeatureRow, count: int) -> Window:
        c, step_ms = t.feature_rows.c, INTERVALS[row.stream.interval]
        found = {row.opened_at_ms: row.values}
        with self._database.read() as connection:
            stream = find(connection, row.stream)
            query = (
                select(c.opened_at_ms, c["values"])
                .where(
                    c.stream_id == (stream["id"] if stream is not None else None),
                    c.opened_at_ms > row.opened_at_ms - count * step_ms,
                    c.opened_at_ms < row.opened_at_ms,
                    c.revision <= row.revision,
                    c.schema_hash == row.schema_hash,
                )
                .order_by(c.opened_at_ms, c.revision)
            )
            for opened_at_ms, values in connection.execute(query):
                # Of several revisions, the last one stands.
                found[opened_at_ms] = tuple(np.frombuffer(values, FEATURES).tolist())
        return window_of(found, row.opened_at_ms, step_ms, count)

    def schemas(self) -> Sequence[SeenSchema]:
        c = t.feature_schemas.c
        with self._database.read() as connection:
            rows = connection.execute(select(t.feature_schemas).order_by(c.first_seen_ms, c.version)).all()
        return [SeenSchema(Schema(row.version, tuple(row.names.split()), row.hash), row.first_seen_ms) for row in rows]

    # ---- writing

    def drop_feature_rows(self, before_ms: int, rows: int) -> int:
        r, gone = t.feature_rows.c, 0
        with self._database.read() as connection:
            stream_ids = connection.execute(select(t.streams.c.id).order_by(t.streams.c.id)).scalars().all()
        for stream_id in stream_ids:
            with self._database.read() as connection:
                newest = connection.execute(select(func.max(r.opened_at_ms)).where(r.stream_id == stream_id)).scalar()
                old = connection.execute(
                    select(r.stream_id, r.opened_at_ms, r.revision)
                    .where(
                        r.stream_id == stream_id, r.opened_at_ms < min(newest or 0, before_ms), r.made_at_ms < before_ms
                    )
                    .order_by(r.opened_at_ms)
                    .limit(rows - gone)
                ).all()
            if old:
                with self._database.write(synced=False) as connection:
                    key = tuple_(r.stream_id, r.opened_at_ms, r.revision)
                    connection.execute(delete(t.feature_rows).where(key.in_([tuple(one) for one in old])))
            gone += len(old)
            if gone >= rows:
                break
        return gone

    @contextmanager
    def taking(self, stream: Stream, candles: Candles, synced: bool = True) -> Iterator["TakingCandles"]:
        """A transaction in which nobody else adds to the stream."""
        if not self._database.is_sqlite:
            self._make_room(candles)
        with self._database.write(synced=synced) as connection:
            if find(connection, stream) is None:
                new = {**stream._asdict(), "volume_unit": None, "revision": 0}
                connection.execute(insert_or_skip(connection, t.streams), [new])
            row = connection.execute(select(t.streams).where(is_stream(stream)).with_for_update()).mappings().one()
            yield TakingCandles(connection, stream, row)

    def _make_room(self, candles: Candles) -> None:
        """Partitions for the months that occur. In a transaction before, because a new one locks the whole table."""
        months = set(candles.opened_at_ms.astype("datetime64[ms]").astype("datetime64[M]").tolist())
        if not months <= self._months:
            with self._database.write() as connection:
                ensure_candle_partitions(connection, sorted(months - self._months))
            self._months |= months


class TakingCandles:
    def __init__(self, connection: Connection, stream: Stream, row: Row) -> None:
        self._connection = connection
        self._stream = stream
        self._id = int(row["id"])
        self.revision = int(row["revision"])
        self._unit = row["volume_unit"]
        self.last_ms = last_moment(connection, self._id)

    def add(self, candles: Candles) -> Added:
        """They are in order, each once. What is known with other values is corrected where nothing came after it."""
        last = -1 if self.last_ms is None else self.last_ms
        split = int(np.searchsorted(candles.opened_at_ms, last, side="right"))
        looked_back = sum((self._add(part, last) for part in portions(candles[:split])), Added())
        gone_on = sum((self._add(part, last) for part in portions(candles[split:])), Added())
        if len(candles):
            self.last_ms = max(last, int(candles.opened_at_ms[-1]))
        if looked_back.new or looked_back.corrected:
            # What was worked out from the bars as they were cannot go on from there.
            self.revision += 1
            self._change(revision=self.revision)
        return looked_back + gone_on

    def say_unit(self, unit: str) -> None:
        if self._unit is not None and self._unit != unit:
            raise Conflict(
                f"volumes of {self._stream} are in {self._unit}, these in {unit}: keep them under another venue",
                "volume_unit_conflict",
            )
        if self._unit is None:
            self._change(volume_unit=unit)

    def latest(self, count: int) -> Candles:
        return last_bars(self._connection, self._id, count)

    def bars_after(self, after_ms: int, count: int) -> Candles:
        return bars(self._connection, self._id, after_ms, None, count)

    def save_rows(self, rows: Sequence[FeatureRow], made_at_ms: int) -> None:
        if rows:
            written = [
                {
                    "stream_id": self._id,
                    "opened_at_ms": row.opened_at_ms,
                    "revision": self.revision,
                    "set_id": row.set_id,
                    "schema_hash": row.schema_hash,
                    "values": np.array(row.values, FEATURES).tobytes(),
                    "regime": row.regime,
                    "regime_confidence": row.regime_confidence,
                    "made_at_ms": made_at_ms,
                }
                for row in rows
            ]
            self._connection.execute(insert_or_skip(self._connection, t.feature_rows), written)
            self._connection.execute(
                insert_or_skip(self._connection, t.feature_schemas),
                [
                    {
                        "hash": SCHEMA.hash,
                        "version": SCHEMA.version,
                        "names": " ".join(SCHEMA.names),
                        "first_seen_ms": made_at_ms,
                    }
                ],
            )

    def rowless(self, limit: int) -> int:
        c, newest = t.candles.c, self.newest_row()
        made_ms = newest.opened_at_ms if newest is not None else 0
        later = select(c.opened_at_ms).where(c.stream_id == self._id, c.opened_at_ms > made_ms).limit(limit)
        count = int(self._connection.execute(select(func.count()).select_from(later.subquery())).scalar_one())
        outdated = newest is not None and (newest.revision, newest.schema_hash) != (self.revision, SCHEMA.hash)
        return max(count, 1) if outdated else count

    def newest_row(self) -> FeatureRow | None:
        c = t.feature_rows.c
        query = select(t.feature_rows).where(c.stream_id == self._id).order_by(c.opened_at_ms.desc(), c.revision.desc())
        found = self._connection.execute(query.limit(1)).mappings().first()
        return None if found is None else row_from(self._stream, found)

    # ---- helpers

    def _add(self, part: Candles, last_before: int) -> Added:
        new = insert(self._connection, self._id, part)
        if new == len(part):
            return Added(new=new)
        stored = bars_at(self._connection, self._id, part.opened_at_ms.tolist())
        unlike = np.flatnonzero(~alike(stored, part)).tolist()
        refused, corrected = [], 0
        for at in unlike:
            told, known = part[at : at + 1], stored[at : at + 1]
            moment = int(told.opened_at_ms[0])
            if moment >= last_before:
                self._correct(told)
                corrected += 1
            else:
                why = f"known with other values, and only the last bar may be corrected: {difference(known, told)}"
                refused.append(RefusedBar(moment, why))
        return Added(new, len(part) - new - len(unlike), corrected, tuple(refused))

    def _correct(self, told: Candles) -> None:
        c = t.candles.c
        values = {name: float(getattr(told, name)[0]) for name in COLUMNS}
        told_anew = {name: value for name, value in values.items() if not np.isnan(value)}
        self._connection.execute(
            update(t.candles)
            .where(c.stream_id == self._id, c.opened_at_ms == int(told.opened_at_ms[0]))
            .values(**told_anew)
        )

    def _change(self, **values: Any) -> None:
        self._connection.execute(update(t.streams).where(t.streams.c.id == self._id).values(**values))


# ---- rows


def portions(candles: Candles) -> Iterator[Candles]:
    return (candles[start : start + ROWS_AT_ONCE] for start in range(0, len(candles), ROWS_AT_ONCE))


def is_stream(stream: Stream) -> Any:
    c = t.streams.c
    return and_(c.venue == stream.venue, c.symbol == stream.symbol, c.interval == stream.interval)


def find(connection: Connection, stream: Stream) -> Row | None:
    return connection.execute(select(t.streams).where(is_stream(stream))).mappings().first()


def info_from(connection: Connection, row: Row) -> StreamInfo:
    c = t.candles.c
    first = connection.execute(select(func.min(c.opened_at_ms)).where(c.stream_id == row["id"])).scalar()
    return StreamInfo(
        stream=Stream(row["venue"], row["symbol"], row["interval"]),
        first_ms=first,
        last_ms=last_moment(connection, row["id"]),
        volume_unit=row["volume_unit"],
        revision=row["revision"],
    )


def last_moment(connection: Connection, stream_id: int) -> int | None:
    c = t.candles.c
    last: int | None = connection.execute(select(func.max(c.opened_at_ms)).where(c.stream_id == stream_id)).scalar()
    return last


def insert(connection: Connection, stream_id: int, part: Candles) -> int:
    """How many of them were not there yet. Straight through the driver: a year of minutes is half a million rows."""
    columns = [part.opened_at_ms.tolist(), *(getattr(part, name).tolist() for name in COLUMNS)]
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(NAMES))
        before = driver.total_changes
        # SQLite keeps NaN as NULL.
        rows = zip([stream_id] * len(part), *columns, strict=True)
        driver.executemany(f"INSERT OR IGNORE INTO candles ({', '.join(NAMES)}) VALUES ({marks})", rows)
        return int(driver.total_changes - before)
    kinds = ["bigint", *["float8"] * len(COLUMNS)]
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    statement = (
        f"INSERT INTO candles ({', '.join(NAMES)}) SELECT {int(stream_id)}, * FROM unnest({arrays})"
        " ON CONFLICT DO NOTHING"
    )
    with driver.cursor() as cursor:
        cursor.execute(statement, [array(column) for column in columns])
        return int(cursor.rowcount)


def array(column: list[float]) -> str:
    """As PostgreSQL writes one; to hand over number by number takes nine times as long."""
    return f"{{{','.join(map(repr, column))}}}".replace("nan", "NULL")


def bars(connection: Connection, stream_id: int, after_ms: int, until_ms: int | None, count: int | None) -> Candles:
    query = f"{ALL} WHERE stream_id = {int(stream_id)} AND opened_at_ms > {int(after_ms)}"
    if until_ms is not None:
        query += f" AND opened_at_ms < {int(until_ms)}"
    query += " ORDER BY opened_at_ms"
    if count is not None:
        query += f" LIMIT {int(count)}"
    return columns_of(connection.exec_driver_sql(query).cursor)


def bars_at(connection: Connection, stream_id: int, moments: Sequence[int]) -> Candles:
    """Those very bars. Between two that were told, there may be years."""
    parts = []
    for start in range(0, len(moments), NAMES_AT_ONCE):
        told = ", ".join(map(str, map(int, moments[start : start + NAMES_AT_ONCE])))
        query = f"{ALL} WHERE stream_id = {int(stream_id)} AND opened_at_ms IN ({told}) ORDER BY opened_at_ms"
        parts.append(columns_of(connection.exec_driver_sql(query).cursor))
    return joined(parts)


def last_bars(connection: Connection, stream_id: int, count: int) -> Candles:
    query = f"{ALL} WHERE stream_id = {int(stream_id)} ORDER BY opened_at_ms DESC LIMIT {int(count)}"
    return columns_of(connection.exec_driver_sql(query).cursor)[::-1]


def columns_of(cursor: Any) -> Candles:
    parts = []
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        columns = list(zip(*rows, strict=True))
        parts.append(Candles(np.array(columns[0], np.int64), *(np.array(column, np.float64) for column in columns[1:])))
    return joined(parts)


def row_from(stream: Stream, row: Row) -> FeatureRow:
    values = tuple(np.frombuffer(row["values"], FEATURES).tolist())
    return FeatureRow(
        stream=stream,
        opened_at_ms=row["opened_at_ms"],
        revision=row["revision"],
        schema_hash=row["schema_hash"],
        set_id=row["set_id"],
        values=values,
        missing=missing(values) if row["schema_hash"] == SCHEMA.hash else (),
        regime=row["regime"],
        regime_confidence=row["regime_confidence"],
    )
