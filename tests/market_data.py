"""Real candles for those who have them: from the folder that `ML_SERVICE_TEST_DATA` names, or from `shared/data` beside
the repository. A test that asks for a file that is not there is skipped.
"""

import os
from pathlib import Path

import pytest

from ml_service.domain.market.candles import Candles, candles_of
from tests.service import ROOT

HOURS_OF_BTC = "klines_open/BINANCE_BTCUSDT_1h.parquet"


def real(name: str) -> Path:
    folder = Path(os.environ.get("ML_SERVICE_TEST_DATA") or ROOT.parent / "shared" / "data")
    path = folder / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {folder}; ML_SERVICE_TEST_DATA may name another folder")
    return path


def real_candles(name: str) -> Candles:
    """A parquet file with the columns ts (milliseconds, the opening), open, high, low, close and volume."""
    from pyarrow import parquet

    columns = parquet.read_table(real(name))
    prices = (columns[column].to_numpy() for column in ("open", "high", "low", "close", "volume"))
    return candles_of(columns["ts"].to_numpy(), *prices)
