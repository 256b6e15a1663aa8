"""Times as files tell them: numbers whose unit shows in their size, and texts that must say their zone."""

import datetime
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml_service.domain.market.candles import Moments
from ml_service.errors import InvalidInput

UNITS = (("s", 1e11, 1000.0), ("ms", 1e14, 1.0), ("us", 1e17, 1e-3), ("ns", 1e20, 1e-6))
"""Each with the size below which a number is in it: seconds before the year 5138, milliseconds after 1973."""
FIRST_SECOND = 1e8
OFFSET_FORM = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})?")
EXAMPLE = "2024-03-31 12:00:00+00:00"


def moments(column: Any, where: str, timezone: str | None) -> tuple[Moments, str]:
    """Milliseconds since 1970 in UTC, and what the times looked like."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise InvalidInput.at("time", f"{where}, row {row + 1}: expected a time, found nothing")
    kind = column.type
    if pa.types.is_dictionary(kind):
        return moments(column.dictionary_decode(), where, timezone)
    if pa.types.is_timestamp(kind):
        return from_timestamps(column, where, timezone), f"timestamp[{kind.unit}]"
    if pa.types.is_date(kind):
        return from_timestamps(column.cast(pa.timestamp("ms")), where, timezone), "date"
    if pa.types.is_integer(kind):
        return from_numbers(column.cast(pa.int64()).to_numpy(), where)
    if pa.types.is_floating(kind):
        return from_numbers(column.to_numpy(zero_copy_only=False), where)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return from_texts(column, where, timezone), "text"
    raise InvalidInput.at("time", f"{where}: expected times, found {kind}")


def from_numbers(values: Any, where: str) -> tuple[Moments, str]:
    """Every number by its own size: one file may go from milliseconds to microseconds in its middle."""
    if values.size == 0:
        return np.empty(0, np.int64), "ms"
    whole = values.astype(np.int64)
    result = np.zeros(values.size, np.int64)
    seen, below = [], FIRST_SECOND
    for name, limit, factor in UNITS:
        part = (values >= below) & (values < limit)
        if part.any():
            seen.append(name)
            result[part] = whole[part] * int(factor) if factor >= 1 else whole[part] // round(1 / factor)
        below = limit
    wrong = np.flatnonzero((values < FIRST_SECOND) | (values >= below) | (values != whole))
    if wrong.size:
        row = int(wrong[0])
        raise InvalidInput.at(
            "time",
            f"{where}, row {row + 1}: expected whole seconds, ms, us or ns since 1970, found {values[row]!s}",
        )
    return result, " and ".join(seen)


def from_texts(column: Any, where: str, timezone: str | None) -> Moments:
    column = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r" ?(UTC|GMT)$", "Z")
    first = column[0].as_py() if len(column) else f"{EXAMPLE}"
    says_zone = re.search(r"(Z|[+-]\d{2}(:?\d{2})?)$", first[10:]) is not None
    if not says_zone and timezone is None:
        raise InvalidInput.at(
            "timezone",
            f'{where}: a time such as "{first}" does not say its zone; add --timezone UTC, or the zone that it is in',
        )
    kind = pa.timestamp("us", "UTC") if says_zone else pa.timestamp("us")
    try:
        stamps = pc.cast(column, kind)
    except pa.ArrowInvalid as error:
        found = re.search(r"'([^']*)'", str(error))
        text = found[1] if found else str(error)
        row = pc.index(column, text).as_py() + 1
        raise InvalidInput.at(
            "time", f'{where}, row {row}: expected a time such as {EXAMPLE}, found "{text}"'
        ) from error
    return from_timestamps(stamps, where, timezone)


def from_timestamps(column: Any, where: str, timezone: str | None) -> Moments:
    if column.type.tz is None:
        if timezone is None:
            raise InvalidInput.at(
                "timezone", f"{where}: its times have no zone; add --timezone UTC, or the zone that they are in"
            )
        column = in_zone(column, where, timezone)
    stamps = column.cast(pa.timestamp("ms", "UTC"), safe=False)
    return np.asarray(stamps.cast(pa.int64()).to_numpy(), np.int64)


def in_zone(column: Any, where: str, timezone: str) -> Any:
    offset = offset_of(timezone)
    if offset is not None:
        shift = pa.scalar(offset, pa.duration(column.type.unit))
        return pc.assume_timezone(pc.subtract(column, shift), "UTC")
    try:
        return pc.assume_timezone(column, timezone)
    except pa.ArrowInvalid as error:
        # An unknown zone, or an hour that the change of clocks has twice or not at all.
        raise InvalidInput.at("timezone", f"{where}: {error}") from error


def offset_of(timezone: str) -> datetime.timedelta | None:
    """Of UTC and of forms such as +02:00; None for the name of a place."""
    if timezone.upper() in ("UTC", "GMT", "Z"):
        return datetime.timedelta(0)
    found = OFFSET_FORM.fullmatch(timezone.upper())
    if found is None:
        return None
    length = datetime.timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return length if found[1] == "+" else -length
