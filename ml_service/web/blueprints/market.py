"""The market: candles in, and what is known of it."""

from flask import Blueprint, Response, request

from ml_service.domain.market.candles import candles_from, joined
from ml_service.errors import FieldError, InvalidInput, NotFound
from ml_service.features.schema import SCHEMA
from ml_service.usecases.take_candles import take_candles
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.market import (
    CandlesBody,
    CandlesQuery,
    StreamPath,
    added_data,
    candle_from,
    candles_data,
    row_data,
    schema_data,
    seen_data,
    stream_data,
)
from ml_service.web.wire import iso, ok

market = Blueprint("market", __name__)


@market.post("/api/v1/market/<venue>/<symbol>/<interval>/candles")
@contract(
    "service",
    "record",
    body=CandlesBody,
    body_limit="batch",
    answer="How many were new, known already, corrected; and each that was refused, with the reason.",
)
def post_candles(venue: str, symbol: str, interval: str) -> Response:
    """Tell closed candles, the newest or older ones; the same again does no harm."""
    stream = checked(StreamPath, {"venue": venue, "symbol": symbol, "interval": interval}).stream()
    body = current().json()
    given = checked(CandlesBody, {"candles": body} if isinstance(body, list) else body)
    candles = [candle_from(one) for one in given.candles]
    use = parts()
    added = take_candles(
        stream,
        candles_from(candles),
        market=use.market,
        store=use.store,
        live=use.live_features,
        now_ms=current().now_ms,
        volume_unit=given.volume_unit,
    )
    current().log.update(symbol=stream.symbol, candles=len(candles), new=added.new)
    if len(added.refused) == len(candles):
        errors = tuple(FieldError(f"candles at {iso(one.opened_at_ms)}", one.why) for one in added.refused)
        raise InvalidInput(f"none of the candles was taken: {errors[0].path}: {errors[0].message}", errors)
    return ok(added_data(stream, added))


@market.get("/api/v1/market/streams")
@contract("service", answer="Every stream of candles, from when to when.")
def list_streams() -> Response:
    """Which candles there are."""
    return ok({"items": [stream_data(info) for info in parts().market.streams()]})


@market.get("/api/v1/market/schema")
@contract("service", answer="The names in a feature row, in their order; and the schemas of former times.")
def feature_schema() -> Response:
    """What a feature row consists of."""
    return ok({**schema_data(SCHEMA), "history": [seen_data(one) for one in parts().market.schemas()]})


@market.get("/api/v1/market/<venue>/<symbol>/<interval>/candles")
@contract("service", query=CandlesQuery, answer="Candles in the order of time, and where the next page begins.")
def list_candles(venue: str, symbol: str, interval: str) -> Response:
    """Stored candles: from a time on, else the last ones."""
    stream = checked(StreamPath, {"venue": venue, "symbol": symbol, "interval": interval}).stream()
    query = checked(CandlesQuery, request.args.to_dict())
    store = parts().market
    if store.info(stream) is None:
        raise NotFound(f"no candles of {stream}")
    if query.since is None and query.until is None:
        return ok({**stream._asdict(), "items": candles_data(store.latest(stream, query.limit)), "next_since": None})
    portions = store.candles(stream, query.since, query.until, query.limit + 1)
    found = joined([next(portions, candles_from(()))])
    more = len(found) > query.limit
    return ok(
        {
            **stream._asdict(),
            "items": candles_data(found[: query.limit]),
            "next_since": iso(int(found.opened_at_ms[query.limit])) if more else None,
        }
    )


@market.get("/api/v1/market/<venue>/<symbol>/<interval>/features")
@contract("service", answer="The newest feature row: every value by name, what is missing, the regime.")
def newest_features(venue: str, symbol: str, interval: str) -> Response:
    """What the features say after the last bar."""
    stream = checked(StreamPath, {"venue": venue, "symbol": symbol, "interval": interval}).stream()
    rows = parts().snapshot.view().feature_rows.get(stream, ())
    if not rows or rows[0].schema_hash != SCHEMA.hash:
        raise NotFound(f"no features of {stream} yet: they come with the next candle")
    return ok(row_data(rows[0]))
