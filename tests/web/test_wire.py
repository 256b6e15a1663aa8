"""How values look on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.web.wire import iso, symbol_of, time_of, user_of


@given(st.integers(0, 253_402_300_799_999))
def test_a_time_comes_back_from_its_text(at_ms: int) -> None:
    assert time_of(iso(at_ms)) == at_ms


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-09-21T14:13:20.123Z", 1_790_000_000_123),
        ("2038-01-19T03:14:08Z", 2_147_483_648_000),
    ],
)
def test_times_are_milliseconds_since_1970(text: str, at_ms: int) -> None:
    assert time_of(text) == at_ms


@pytest.mark.parametrize("text", ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", 5, None])
def test_a_time_without_its_zone_or_sense_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        time_of(text)


def test_a_symbol_is_written_the_same_however_it_comes() -> None:
    assert {symbol_of(text) for text in ("BTC/USDT", "btc-usdt", "Btc_Usdt", "BTC:USDT", "BTCUSDT")} == {"BTCUSDT"}


@pytest.mark.parametrize("text", ["", "/", "BTC USDT", "BTC\n", "ÄÖ", "x" * 41, "**"])
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected letters and digits"):
        symbol_of(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a/b", "*", "a\n", "\x7f", "x" * 129])
def test_what_is_no_user_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected 1 to 128"):
        user_of(text)
