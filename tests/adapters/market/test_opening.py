"""Packages: checked before they are believed, and never unpacked without end."""

import gzip
import zipfile
from pathlib import Path

import pytest

from ml_service.adapters.market import opening
from ml_service.errors import InvalidInput
from tests.adapters.market.files import bars, candles, read, same, vision_csv, zipped

NAME = "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2022-01.csv"


def test_a_package_that_is_not_what_its_checksum_says_is_refused(tmp_path: Path) -> None:
    rows = bars()
    path = zipped(vision_csv(tmp_path / NAME, rows))
    assert same(read(path).candles, candles(rows))

    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{'0' * 64}  {path.name}\n")

    with pytest.raises(InvalidInput, match=r"its SHA-256 is [0-9a-f]{64}, .*CHECKSUM says 0000"):
        read(path)


def test_without_a_checksum_damage_is_still_seen(tmp_path: Path) -> None:
    path = zipped(vision_csv(tmp_path / NAME, bars(2000)), checksum=False)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(InvalidInput):
        read(path)


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/outside.csv", "..\\outside.csv", "C:\\outside.csv"])
def test_a_path_that_leaves_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2022-01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "1,2\n")

    with pytest.raises(InvalidInput, match="leaves its folder"):
        read(path)


def test_a_package_holds_one_table(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2022-01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", "1,2\n")
        archive.writestr("two.csv", "1,2\n")

    with pytest.raises(InvalidInput, match=r"expected one CSV file in it, found one\.csv, two\.csv"):
        read(path)


def test_what_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "RATIO_FROM_BYTES", 1 << 20)
    flood = b"1640995200000,1,1,1,1,0,1640998799999,0,0,0,0,0\n" * 60_000
    packed = tmp_path / "BTCUSDT-1h-2022-01.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-1h-2022-01.csv", flood)
    unpacked = tmp_path / "BTC_USDT-1h.json.gz"
    unpacked.write_bytes(gzip.compress(b"[[1640995200000,1,1,1,1,0]" + b",[1640995200000,1,1,1,1,0]" * 100_000 + b"]"))

    for path in (packed, unpacked):
        with pytest.raises(InvalidInput, match="such a file is not read"):
            read(path, venue="binance")


def test_what_is_no_package_at_all_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2022-01.zip"
    path.write_bytes(b"<html>not found</html>")

    with pytest.raises(InvalidInput, match="damaged or cut off"):
        read(path)
