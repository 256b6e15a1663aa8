"""Candles as they are told over HTTP, and what is told of them."""

from collections.abc import Sequence
from itertools import pairwise
from math import fsum, isnan, nan
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ml_service.domain.market.arrivals import AMOUNT_MAX, Added
from ml_service.domain.market.candles import Candle, Candles, Stream
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.market.intervals import INTERVALS, interval_ms
from ml_service.domain.types import ANY_SYMBOL
from ml_service.features.schema import SCHEMA, Schema, objection
from ml_service.ports import SeenSchema, StreamInfo
from ml_service.web.schemas.fields import Body, NotNegative, Positive, Query, Time
from ml_service.web.wire import iso, symbol_of, time_of

CANDLES_MAX = 1_000
LEVELS = 10
TIME_MS_MAX = 10**14
"""Milliseconds until the year 5138: what is larger was counted in microseconds."""
VENUE_FORM = r"^[a-z0-9_-]{1,40}$"


def moment(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < TIME_MS_MAX:
            raise ValueError("expected milliseconds since 1970")
        return value
    return time_of(value)


Moment = Annotated[int, BeforeValidator(moment, json_schema_input_type=int | str)]
Level = Annotated[list[Annotated[float, Field(ge=0, le=AMOUNT_MAX)]], Field(min_length=2, max_length=2)]


def falling(levels: list[list[float]]) -> list[list[float]]:
    return ordered(levels, -1.0)


def rising(levels: list[list[float]]) -> list[list[float]]:
    return ordered(levels, 1.0)


def ordered(levels: list[list[float]], sense: float) -> list[list[float]]:
    if any(sense * nearer[0] >= sense * farther[0] for nearer, farther in pairwise(levels)):
        raise ValueError("expected the best price first")
    return levels


class BookBody(Body):
    """The order book when the bar closed: [price, quantity], the best first; beyond ten levels nothing is read."""

    bids: Annotated[list[Level], Field(min_length=1, max_length=1_000), AfterValidator(falling)]
    asks: Annotated[list[Level], Field(min_length=1, max_length=1_000), AfterValidator(rising)]


class CandleBody(Body):
    """A closed bar."""

    opened_at: Moment
    open: Positive
    high: Positive
    low: Positive
    close: Positive
    volume: NotNegative
    taker_buy: NotNegative | None = None
    book: BookBody | None = None


ROW = ("opened_at", "open", "high", "low", "close", "volume")


def named(value: object) -> object:
    if not isinstance(value, list):
        return value
    if len(value) != len(ROW):
        raise ValueError(f"expected an object, or [{', '.join(ROW)}]")
    return dict(zip(ROW, value, strict=True))


class CandlesBody(Body):
    candles: Annotated[
        list[Annotated[CandleBody, BeforeValidator(named, json_schema_input_type=CandleBody | list[float])]],
        Field(min_length=1, max_length=CANDLES_MAX),
    ]
    """As objects, or as ccxt tells them: [opened at in ms, open, high, low, close, volume]."""
    volume_unit: Annotated[str, Field(pattern=r"^(base|quote|contracts)$")] | None = None


class CandlesQuery(Query):
    since: Time | None = None
    until: Time | None = None
    limit: Annotated[int, Field(ge=1, le=CANDLES_MAX)] = 500


def one_symbol(symbol: str) -> str:
    if symbol == ANY_SYMBOL:
        raise ValueError("expected one symbol such as BTCUSDT")
    return symbol


class StreamPath(Query):
    venue: Annotated[str, BeforeValidator(str.lower), Field(pattern=VENUE_FORM)]
    symbol: Annotated[str, AfterValidator(symbol_of), AfterValidator(one_symbol)]
    interval: str

    def stream(self) -> Stream:
        interval_ms(self.interval)
        return Stream(self.venue, self.symbol, self.interval)


def candle_from(body: CandleBody) -> Candle:
    taker_buy = nan if body.taker_buy is None else body.taker_buy
    plain = (body.opened_at, body.open, body.high, body.low, body.close, body.volume, taker_buy)
    if body.book is None:
        return Candle(*plain)
    bids, asks = body.book.bids[:LEVELS], body.book.asks[:LEVELS]
    return Candle(
        *plain,
        best_bid=bids[0][0],
        best_ask=asks[0][0],
        bid_top=bids[0][1],
        ask_top=asks[0][1],
        bid_ten=fsum(quantity for _, quantity in bids),
        ask_ten=fsum(quantity for _, quantity in asks),
    )


def added_data(stream: Stream, added: Added) -> dict[str, Any]:
    return {
        **stream._asdict(),
        "new": added.new,
        "same": added.same,
        "corrected": added.corrected,
        "refused": [{"bar": iso(one.opened_at_ms), "why": one.why} for one in added.refused],
    }


def candles_data(candles: Candles) -> list[dict[str, Any]]:
    return [
        {
            "opened_at": iso(row.opened_at_ms),
            **{name: value for name, value in zip(row._fields[1:], row[1:], strict=True) if not isnan(value)},
        }
        for row in candles.rows()
    ]


def stream_data(info: StreamInfo) -> dict[str, Any]:
    assert info.first_ms is not None
    assert info.last_ms is not None
    length = INTERVALS[info.stream.interval]
    return {
        **info.stream._asdict(),
        "first_bar": iso(info.first_ms),
        "last_bar": iso(info.last_ms),
        "last_closed_at": iso(info.last_ms + length),
        "volume_unit": info.volume_unit,
    }


def schema_data(schema: Schema) -> dict[str, Any]:
    return {"version": schema.version, "hash": schema.hash, "names": schema.names}


def seen_data(seen: SeenSchema) -> dict[str, Any]:
    return {
        **schema_data(seen.schema),
        "first_seen_at": iso(seen.first_seen_ms),
        "differs": objection(SCHEMA, seen.schema),
    }


def row_data(row: FeatureRow) -> dict[str, Any]:
    return {
        **row.stream._asdict(),
        "bar": iso(row.opened_at_ms),
        "schema_version": SCHEMA.version,
        "schema": row.schema_hash,
        "set_id": row.set_id,
        "values": values_data(row.values),
        "missing": row.missing,
        "regime": row.regime,
        "regime_confidence": row.regime_confidence,
    }


def values_data(values: Sequence[float]) -> dict[str, float | None]:
    return {name: None if isnan(value) else value for name, value in zip(SCHEMA.names, values, strict=True)}
