"""What is asked of an export."""

from typing import Literal

from ml_service.errors import InvalidInput
from ml_service.ports import Period
from ml_service.web.schemas.fields import Query, Symbol, Time

Format = Literal["csv", "jsonl", "parquet"]


class ExportQuery(Query):
    format: Format = "csv"
    since: Time | None = None
    until: Time | None = None
    symbol: Symbol | None = None


def period_of(query: ExportQuery, now_ms: int) -> Period:
    """Up to now at the latest, so that it ends however fast new rows come in."""
    if query.since is not None and query.until is not None and query.until <= query.since:
        raise InvalidInput.at("until", "expected a time after since")
    until_ms = now_ms + 1 if query.until is None else query.until
    return Period(query.symbol, query.since, until_ms)
