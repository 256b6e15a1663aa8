"""CSV: what a spreadsheet would execute is shown as text, and numbers stay numbers."""

import csv
import io
from collections.abc import Iterator

import pytest

from ml_service.web.formats import ROWS_AT_ONCE, cell, csv_chunks


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (3, "3"),
        (-1.5, "-1.5"),
        (1e-07, "1e-07"),
        ("-1.5", "-1.5"),
        ("+2", "+2"),
        ("-1e5", "-1e5"),
        ("BTCUSDT", "BTCUSDT"),
        ("*", "*"),
        ("a=b", "a=b"),
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("-", "'-"),
        ("-inf", "'-inf"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
    ],
)
def test_a_cell_shows_its_value_and_executes_nothing(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_a_table_comes_in_pieces_and_reads_back_as_it_was() -> None:
    rows = [(number, 'a "quoted", text\nwith a line', None) for number in range(ROWS_AT_ONCE + 1)]

    chunks = list(csv_chunks(("number", "text", "nothing"), iter(rows)))

    assert len(chunks) == 3
    header, *found = csv.reader(io.StringIO(b"".join(chunks).decode(), newline=""))
    assert header == ["number", "text", "nothing"]
    assert found == [[str(number), text, ""] for number, text, _ in rows]


def test_rows_are_written_while_they_are_sent() -> None:
    def endless() -> Iterator[tuple[int]]:
        while True:
            yield (1,)

    chunks = csv_chunks(("one",), endless())

    assert next(chunks) == b"one\r\n"
    assert next(chunks) == b"1\r\n" * ROWS_AT_ONCE
