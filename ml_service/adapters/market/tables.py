"""Tables of candles: CSV, Parquet and Feather, whatever their columns are called."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from ml_service.adapters.market.found import Bars, Found, Given
from ml_service.adapters.market.opening import opened
from ml_service.adapters.market.tidying import tidied
from ml_service.adapters.market.times import moments
from ml_service.domain.market.candles import COLUMNS, Floats
from ml_service.errors import InvalidInput

TIME = "time"
PRICES = ("open", "high", "low", "close")
NEEDED = (TIME, *PRICES, "volume")
BARE = NEEDED
"""The order of columns in a file without a header."""
BYTES_AT_ONCE = 4 << 20
ROWS_AT_ONCE = 16_384
BINARY_BYTES_MAX = 2 << 30
"""Once unpacked: twenty million bars with all their columns, which are forty years of minutes."""

USUAL: Mapping[str, tuple[str, ...]] = {
    TIME: (
        *("openedatms", "openedat", "opentime", "opentimems", "timestampms", "timestamp", "unix", "unixtime"),
        *("unixtimestamp", "ts", "time", "datetime", "date", "dateutc", "datetimeutc", "candlebegintime", "starttime"),
        *("start", "t", "unnamed0"),
    ),
    "open": ("open", "o", "openprice", "priceopen"),
    "high": ("high", "h", "highprice", "pricehigh", "max"),
    "low": ("low", "l", "lowprice", "pricelow", "min"),
    "close": ("close", "c", "closeprice", "priceclose", "last"),
    "volume": ("volume", "vol", "v", "basevolume", "volumebase", "baseassetvolume"),
    "quote_volume": ("quotevolume", "volumequote", "quoteassetvolume", "qav", "turnover", "volumeusd", "volumeusdt"),
    "taker_buy": ("takerbuy", "takerbuybase", "takerbuyvolume", "takerbuybasevolume", "takerbuybaseassetvolume"),
    **{name: (name.replace("_", ""),) for name in COLUMNS[6:]},
}
"""What others call our columns, without case, blanks and signs; the first one that is there is taken."""


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def column_map(header: Iterable[str], said: Mapping[str, str], symbol: str | None = None) -> dict[str, str]:
    """Our name → the file's, as far as there is one."""
    there: dict[str, str] = {}
    for name in header:
        there.setdefault(plain(name) or "unnamed0", name)
    usual = dict(USUAL)
    if symbol is not None:
        # Such as "Volume BTC" beside "Volume USDT".
        base = next((name for name in there if name.startswith("volume") and fits(name[6:], symbol)), None)
        usual["volume"] = (base, *USUAL["volume"]) if base else USUAL["volume"]
    guessed = {ours: next((there[one] for one in names if one in there), None) for ours, names in usual.items()}
    return {ours: theirs for ours, theirs in guessed.items() if theirs is not None} | dict(said)


def fits(word: str, symbol: str) -> bool:
    return bool(word) and symbol.lower().startswith(word)


def checked_map(header: tuple[str, ...], given: Given, where: str, symbol: str | None) -> dict[str, str]:
    strange = [name for name in given.columns if name not in (*NEEDED, *USUAL)]
    if strange:
        raise InvalidInput.at("column", f'expected one of {", ".join(USUAL)} before the "=", found "{strange[0]}"')
    found = column_map(header, given.columns, symbol)
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise InvalidInput.at(
            "column",
            f"{where}: no column for {', '.join(missing)} among {', '.join(header)};"
            f" say which it is with --column {missing[0]}=NAME",
        )
    unknown = [theirs for theirs in found.values() if theirs not in header]
    if unknown:
        raise InvalidInput.at("column", f'{where}: there is no column "{unknown[0]}" among {", ".join(header)}')
    return found


def read_table(found: Found, given: Given) -> Bars:
    where = str(found.path)
    header = found.header or BARE
    names = checked_map(header, given, where, found.symbol)
    if is_csv(found.path):
        # A row of the table is a line of the file, moved by what stands above.
        table = csv_table(found.path, header, names, bool(found.header), found.delimiter, found.lines_before)
    else:
        table = binary_table(found.path, list(names.values()))
    opened_at_ms, unit = moments(table.column(names[TIME]), where, given.timezone)
    columns = {ours: floats(table, theirs, where) for ours, theirs in names.items() if ours != TIME}
    return tidied(opened_at_ms, columns, unit, found.volume_unit)


def is_csv(path: Path) -> bool:
    return not path.name.lower().endswith((".parquet", ".feather"))


def csv_table(
    path: Path, header: tuple[str, ...], names: Mapping[str, str], has_header: bool, delimiter: str, above: int = 0
) -> Any:
    reading = pyarrow.csv.ReadOptions(
        column_names=list(header),
        skip_rows=above + int(has_header),
        # One thread numbers the lines, so that an error can say where it is.
        use_threads=False,
        block_size=BYTES_AT_ONCE,
    )
    numbers = {theirs: pa.float64() for ours, theirs in names.items() if ours != TIME}
    converting = pyarrow.csv.ConvertOptions(include_columns=list(names.values()), column_types=numbers)
    parsing = pyarrow.csv.ParseOptions(delimiter=delimiter)
    with opened(path) as file:
        try:
            return pyarrow.csv.read_csv(file, reading, parsing, converting)
        except pa.ArrowInvalid as error:
            raise InvalidInput.at("file", f"{path}{in_words(str(error), header)}") from error


def in_words(message: str, header: tuple[str, ...]) -> str:
    value = re.search(r"column #(\d+): Row #(\d+): .*invalid value '(.*)'", message)
    if value:
        name = header[int(value[1])] if int(value[1]) < len(header) else f"column {int(value[1]) + 1}"
        return f', line {value[2]}: {name}: expected a number, found "{value[3]}"'
    shape = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", message)
    if shape:
        return f", line {shape[1]}: expected {shape[2]} columns, found {shape[3]}; the file may be cut off"
    return f": not readable as CSV ({message})"


def binary_table(path: Path, names: list[str]) -> Any:
    """Piece by piece: what its own summary says of its length may be wrong, or a threat."""
    batches = parquet_batches if path.suffix.lower() == ".parquet" else feather_batches
    taken, size = [], 0
    try:
        for batch in batches(path, list(dict.fromkeys(names))):
            size += batch.nbytes
            refuse_flood(size, path)
            taken.append(batch)
        return pa.Table.from_batches(taken, taken[0].schema if taken else binary_schema(path))
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput.at("file", f"{path}: damaged or cut off ({str(error).splitlines()[0]})") from error


def parquet_batches(path: Path, names: list[str]) -> Iterator[Any]:
    with pyarrow.parquet.ParquetFile(path) as file:
        for place in range(file.num_row_groups):
            # A number takes eight bytes, however well many of them pack.
            refuse_flood(file.metadata.row_group(place).num_rows * len(names) * 8, path)
            yield from file.iter_batches(ROWS_AT_ONCE, row_groups=[place], columns=names, use_threads=False)


def feather_batches(path: Path, names: list[str]) -> Iterator[Any]:
    with pa.memory_map(str(path)) as source:
        wanted = [pa.ipc.open_file(source).schema.get_field_index(name) for name in names]
        file = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False))
        for place in range(file.num_record_batches):
            yield file.get_batch(place)


def refuse_flood(size: int, path: Path) -> None:
    if size > BINARY_BYTES_MAX:
        raise InvalidInput.at(
            "file",
            f"{path}: unpacks to more than {BINARY_BYTES_MAX} bytes, the most that is read of one file; split it",
        )


def binary_schema(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".parquet":
            return pyarrow.parquet.read_schema(path)
        return pyarrow.ipc.open_file(pa.memory_map(str(path))).schema
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput.at("file", f"{path}: damaged or cut off ({str(error).splitlines()[0]})") from error


def floats(table: Any, name: str, where: str) -> Floats:
    column = table.column(name)
    try:
        # What is not told is missing, and no number.
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    except pa.ArrowInvalid as error:
        raise InvalidInput.at(name, f"{where}: expected numbers ({error})") from error
