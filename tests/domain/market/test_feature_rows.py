"""Which feature row a decision is made with."""

import pytest

from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import (
    ANY_SOURCE,
    FeatureRow,
    FeatureSource,
    by_symbol,
    used,
    with_newer,
)
from ml_service.domain.market.intervals import INTERVALS

MINUTE_MS = 60_000
NOW_MS = 1_700_000_040_000


def row(interval: str = "1m", venue: str = "binance", opened_at_ms: int | None = None, **more: object) -> FeatureRow:
    """Of the bar that has just closed."""
    opened = NOW_MS - INTERVALS[interval] if opened_at_ms is None else opened_at_ms
    return FeatureRow(Stream(venue, "BTCUSDT", interval), opened, "schema", f"{venue} {interval}", (0.5,), **more)  # type: ignore[arg-type]


def chosen(*rows: FeatureRow, source: FeatureSource = ANY_SOURCE, now_ms: int = NOW_MS) -> tuple[str, str] | None:
    found = used(by_symbol(rows, source).get("BTCUSDT", ()), now_ms)
    return None if found is None else (found.set_id, found.status)


def test_the_shortest_interval_that_is_fresh_is_used() -> None:
    assert chosen(row("1h"), row("1m"), row("5m")) == ("binance 1m", "ready")
    assert chosen(row("1h"), row("1m", opened_at_ms=NOW_MS - 10 * MINUTE_MS)) == ("binance 1h", "ready")


def test_among_venues_the_choice_is_the_same_whatever_their_order() -> None:
    assert chosen(row(venue="kraken"), row(venue="binance")) == chosen(row(venue="binance"), row(venue="kraken"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (FeatureSource(interval="1h"), ("binance 1h", "ready")),
        (FeatureSource(venue="kraken"), ("kraken 1m", "ready")),
        (FeatureSource(venue="kraken", interval="1h"), None),
    ],
)
def test_settings_narrow_the_choice(source: FeatureSource, expected: tuple[str, str] | None) -> None:
    assert chosen(row("1m"), row("1h"), row(venue="kraken"), source=source) == expected


def test_a_row_goes_stale_two_intervals_after_its_bar_closed() -> None:
    one = row(opened_at_ms=NOW_MS)

    assert chosen(one, now_ms=NOW_MS + 3 * MINUTE_MS - 1) == ("binance 1m", "ready")
    assert chosen(one, now_ms=NOW_MS + 3 * MINUTE_MS) == ("binance 1m", "stale")


def test_what_is_stale_says_nothing_but_which_it_was() -> None:
    old = row(opened_at_ms=0, missing=("rsi",), regime="volatile", regime_confidence=0.9)

    found = used(by_symbol([old], ANY_SOURCE)["BTCUSDT"], NOW_MS)

    assert found is not None
    assert (found.status, found.missing, found.regime, found.regime_confidence) == ("stale", (), None, None)


def test_a_bar_that_has_not_closed_by_then_is_not_known_yet() -> None:
    one = row(opened_at_ms=NOW_MS)

    assert chosen(one, now_ms=NOW_MS + MINUTE_MS) == ("binance 1m", "ready")
    assert chosen(one, now_ms=NOW_MS + MINUTE_MS - 1) is None


def test_a_clock_that_lags_a_moment_has_the_bar_before() -> None:
    before, after = row(opened_at_ms=NOW_MS - MINUTE_MS), row(opened_at_ms=NOW_MS, missing=("spread",))
    both = with_newer((before,), after)

    assert chosen(*both, now_ms=NOW_MS + MINUTE_MS) == ("binance 1m", "partial")
    assert chosen(*both, now_ms=NOW_MS + MINUTE_MS - 1) == ("binance 1m", "ready")
    assert with_newer(both, row(opened_at_ms=NOW_MS)) == (row(opened_at_ms=NOW_MS), before)


def test_a_row_of_another_schema_is_not_used() -> None:
    assert chosen(row(), source=FeatureSource(schema_hash="another")) is None
    assert chosen(row(), source=FeatureSource(schema_hash="schema")) == ("binance 1m", "ready")


def test_what_is_missing_makes_a_row_partial() -> None:
    assert chosen(row(missing=("spread",))) == ("binance 1m", "partial")


def test_without_rows_there_is_nothing_to_use() -> None:
    assert chosen() is None
