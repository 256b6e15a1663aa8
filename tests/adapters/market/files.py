"""The same bars in every form that is read here, written as others write them."""

import gzip
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from ml_service.adapters.market.found import Bars, Found, Given
from ml_service.adapters.market.recognise import read_bars, recognised
from ml_service.domain.market.candles import Candles, candles_of

HOUR_MS = 3_600_000
FIRST_MS = 1_640_995_200_000
"""2022-01-01."""

Rows = list[list[Any]]


def bars(count: int = 48, first_ms: int = FIRST_MS, length_ms: int = HOUR_MS, seed: int = 1) -> Rows:
    """Twelve values each, prices as texts, as Binance answers."""
    random = np.random.default_rng(seed)
    close = 40_000 * np.exp(np.cumsum(random.normal(0, 0.004, count)))
    opened = np.concatenate(([40_000.0], close[:-1]))
    rows = []
    for i in range(count):
        at = first_ms + i * length_ms
        volume = float(random.integers(1, 900_000_000)) / 1e5
        high, low = max(opened[i], close[i]) * 1.002, min(opened[i], close[i]) * 0.998
        prices = [f"{price:.8f}" for price in (opened[i], high, low, close[i])]
        quote = f"{volume * (high + low) / 2:.8f}"
        taken = f"{volume * 0.6:.8f}"
        rows.append(
            [at, *prices, f"{volume:.8f}", at + length_ms - 1, quote, 77, taken, f"{volume * 0.6 * low:.8f}", "0"]
        )
    return rows


def candles(rows: Rows, with_taker: bool = True) -> Candles:
    """What the rows say, worked out without the readers."""
    at = np.array([row[0] for row in rows], np.int64)
    columns = [np.array([float(row[i]) for row in rows]) for i in (1, 2, 3, 4, 5, 9)]
    return candles_of(at, *columns[:5], **({"taker_buy": columns[5]} if with_taker else {}))


def same(one: Candles, other: Candles) -> bool:
    """Bit for bar and bit."""
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in Candles.__slots__)


def vision_csv(path: Path, rows: Rows, header: str = "", times: int = 1) -> Path:
    lines = [",".join(str(v) for v in [row[0] * times, *row[1:6], row[6] * times, *row[7:]]) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n")
    return path


def zipped(csv: Path, checksum: bool = True) -> Path:
    """Beside the CSV, which goes."""
    path = csv.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(csv, csv.name)
    csv.unlink()
    if checksum:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")
    return path


def ccxt_json(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = orjson.dumps([[row[0], *map(float, row[1:6])] for row in rows])
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def rest_json(path: Path, rows: Rows) -> Path:
    path.write_bytes(orjson.dumps(rows))
    return path


def text_csv(
    path: Path, rows: Rows, header: str = "timestamp,open,high,low,close,volume", zone: str = "+00:00"
) -> Path:
    lines = [f"{clock(row[0])}{zone},{','.join(row[1:6])}" for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def clock(at_ms: int) -> str:
    return str(np.datetime64(at_ms, "ms").astype("datetime64[s]")).replace("T", " ")


def table(rows: Rows, time: str = "date", zone: str | None = "UTC") -> Any:
    at = pa.array([row[0] for row in rows], pa.int64()).cast(pa.timestamp("ms", zone))
    names = ("open", "high", "low", "close", "volume")
    return pa.table({time: at} | {name: [float(row[i]) for row in rows] for i, name in enumerate(names, 1)})


def feather(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.feather.write_feather(content, path)
    return path


def parquet(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(content, path)
    return path


def found_in(path: Path, **given: Any) -> Found:
    found = recognised(path, Given(**given))
    assert isinstance(found, Found), found
    return found


def read(path: Path, **given: Any) -> Bars:
    return read_bars(found_in(path, **given), Given(**given))
