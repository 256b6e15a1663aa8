"""Of one trade, one outcome counts at any time, whatever corrected what and whichever waits in quarantine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.corrections import objection, stand_ins, takes_decision_of
from ml_service.domain.outcomes import Match, StoredOutcome
from tests.builders import NOW_MS, outcome


def stored(trade_id: str, held: bool = False, match: Match = "none", decision: str | None = None) -> StoredOutcome:
    return StoredOutcome(outcome(trade_id), NOW_MS, match, decision, "pnl_percent_implausible" if held else None)


def chain(*held: bool) -> list[StoredOutcome]:
    return [stored(f"t-{position}", one) for position, one in enumerate(held)]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((False,), [None]),
        ((False, False), ["t-1", None]),
        ((False, False, False), ["t-1", "t-2", None]),
        ((False, True), [None, "t-0"]),
        ((True, False), ["t-1", None]),
        ((False, True, False), ["t-2", "t-2", None]),
        ((False, False, True), ["t-1", None, "t-1"]),
        ((True, True), [None, "t-0"]),
    ],
)
def test_the_last_that_nobody_doubts_counts(held: tuple[bool, ...], expected: list[str | None]) -> None:
    assert stand_ins(chain(*held)) == expected


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_exactly_one_counts_and_every_other_leads_to_it(held: list[bool]) -> None:
    links = stand_ins(chain(*held))

    (counting,) = [position for position, link in enumerate(links) if link is None]
    for start in range(len(links)):
        position, steps = start, 0
        while (link := links[position]) is not None:
            position, steps = int(link.removeprefix("t-")), steps + 1
            assert steps <= len(links)
        assert position == counting


def test_a_correction_of_something_unknown_may_wait() -> None:
    assert objection(outcome("c", corrects="o"), None, None, False) is None


def test_a_correction_of_the_same_symbol_is_taken() -> None:
    assert objection(outcome("c", corrects="o"), outcome("o"), None, False) is None


@pytest.mark.parametrize(
    ("corrects", "symbol", "by", "circle", "told"),
    [
        ("c", "BTCUSDT", None, False, "cannot correct itself"),
        ("o", "ETHUSDT", None, False, "expected the symbol of 'o', BTCUSDT, found ETHUSDT"),
        ("o", "BTCUSDT", "b", False, "was corrected by 'b' already"),
        ("o", "BTCUSDT", None, True, "is itself a correction of 'c'"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_with_the_reason(
    corrects: str, symbol: str, by: str | None, circle: bool, told: str
) -> None:
    complaint = objection(outcome("c", symbol=symbol, corrects=corrects), outcome("o"), by, circle)

    assert told in str(complaint)


def test_a_correction_without_ids_belongs_to_the_decision_of_its_original() -> None:
    before = stored("o", match="decision_id", decision="d-1")

    assert takes_decision_of(stored("c"), before)
    assert takes_decision_of(stored("c", match="nearest", decision="d-2"), before)
    assert not takes_decision_of(stored("c", match="nearest", decision="d-1"), before)
    assert not takes_decision_of(stored("c"), stored("o"))


def test_a_correction_that_names_a_decision_keeps_it() -> None:
    before = stored("o", match="decision_id", decision="d-1")
    correction = StoredOutcome(outcome("c", decision_id="d-9"), NOW_MS, "none", None, None)

    assert not takes_decision_of(correction, before)
