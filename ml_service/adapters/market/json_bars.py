"""Lists of lists: what ccxt's fetch_ohlcv, Binance's /api/v3/klines and freqtrade's JSON files are made of."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from ml_service.adapters.market.found import Bars, Found, Given
from ml_service.adapters.market.opening import whole
from ml_service.adapters.market.tidying import tidied
from ml_service.adapters.market.times import moments
from ml_service.domain.market.candles import Floats
from ml_service.errors import InvalidInput

BYTES_MAX = 128 << 20
"""JSON is parsed whole, into objects that take ten times its length."""
SHORT = {"open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
LONG = SHORT | {"quote_volume": 7, "taker_buy": 9}
LENGTHS = {6: SHORT, 12: LONG}
"""Where a row has what, by its length."""

Row = Sequence[Any]


def read_json(found: Found, given: Given) -> Bars:
    rows = parsed(found.path)
    if not isinstance(rows, list):
        raise InvalidInput.at("file", f"{found.path}: expected a list of candles, found {type(rows).__name__}")
    return bars_of(rows, found, given)


def bars_of(rows: list[Row], found: Found, given: Given) -> Bars:
    where = str(found.path)
    if not rows:
        return tidied(np.empty(0, np.int64), dict.fromkeys(SHORT, np.empty(0)), "ms", found.volume_unit)
    length = len(rows[0]) if isinstance(rows[0], list) else 0
    places = LENGTHS.get(length)
    if places is None:
        raise InvalidInput.at("file", f"{where}, row 1: expected a list of 6 or 12 values, found {rows[0]!r:.60}")
    odd = next((i for i, row in enumerate(rows) if not isinstance(row, list) or len(row) != length), None)
    if odd is not None:
        raise InvalidInput.at("file", f"{where}, row {odd + 1}: expected {length} values, found {rows[odd]!r:.60}")
    turned = list(zip(*rows, strict=True))
    opened_at_ms, unit = moments(times(turned[0], where), where, given.timezone)
    columns = {name: numbers(turned[place], name, where) for name, place in places.items()}
    return tidied(opened_at_ms, columns, unit, found.volume_unit)


def times(values: Sequence[Any], where: str) -> Any:
    for kind in (pa.int64(), pa.float64(), pa.string()):
        try:
            return pa.array(values, type=kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):
            continue
    raise InvalidInput.at("time", f"{where}: expected times, found {values[0]!r} and others of another kind")


def numbers(values: Sequence[Any], name: str, where: str) -> Floats:
    """Numbers or texts of numbers; what is not told is missing."""
    try:
        return np.array([np.nan if value is None else float(value) for value in values], np.float64)
    except (TypeError, ValueError) as error:
        row = next(i for i, value in enumerate(values) if not is_number(value))
        raise InvalidInput.at(
            name, f'{where}, row {row + 1}: {name}: expected a number, found "{values[row]}"'
        ) from error


def is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None
    return True


def parsed(path: Path) -> Any:
    try:
        return orjson.loads(whole(path, BYTES_MAX))
    except orjson.JSONDecodeError as error:
        raise InvalidInput.at(
            "file", f"{path}, line {error.lineno}, column {error.colno}: damaged or cut off ({error.msg})"
        ) from error


def first_row(head: bytes) -> Any:
    """The first element of a list, from the first bytes of a file; None where there is none to be seen."""
    found = re.match(rb"\s*\[\s*(\[[^\[\]]*\])", head)
    try:
        return orjson.loads(found[1]) if found else None
    except orjson.JSONDecodeError:
        return None
