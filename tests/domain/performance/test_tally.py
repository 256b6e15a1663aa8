"""A tally: taken, rejected and corrected are told apart, in every cut of a day."""

from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.performance.days import BREAKDOWNS
from ml_service.domain.performance.summary import NO_TRADES, summarised
from ml_service.domain.performance.tally import Counted, Cut, Tallies, Tally, histories_of, sheet_of, tallied
from tests.domain.performance.histories import DAY, EXACT, trade, trades

WON, LOST = trade(3.0, day=0.1), trade(-1.0, day=0.2)
REJECTED = Counted(trade(7.0, day=0.3), accepted=False)
CORRECTED = Counted(trade(99.0, day=0.4), superseded=True)


def test_what_was_rejected_or_corrected_is_no_trade() -> None:
    tally = tallied([Counted(WON), Counted(LOST), REJECTED, CORRECTED])

    assert tally == Tally(summarised([WON, LOST]), summarised([REJECTED.trade]), 1)


def test_a_corrected_rejection_counts_as_corrected_alone() -> None:
    assert tallied([Counted(WON, accepted=False, superseded=True)]) == Tally(NO_TRADES, NO_TRADES, 1)


def test_a_sheet_has_every_cut_of_the_day_and_of_each_symbol() -> None:
    sheet = sheet_of([Counted(WON), Counted(trade(symbol="ETHUSDT", day=0.5))])

    assert set(sheet) == {Cut(by=by) for by in (None, *BREAKDOWNS)} | {
        Cut(symbol, by) for symbol in ("BTCUSDT", "ETHUSDT") for by in (None, *BREAKDOWNS) if by != "symbol"
    }


counted = trades(EXACT, max_size=12).flatmap(
    lambda given: st.tuples(*(st.builds(Counted, st.just(one), st.booleans(), st.booleans()) for one in given))
)


@given(counted)
def test_a_symbol_has_the_sheet_that_it_would_have_alone(outcomes: tuple[Counted, ...]) -> None:
    sheet = sheet_of(outcomes)

    for symbol in {one.trade.symbol for one in outcomes}:
        own = [one for one in outcomes if one.trade.symbol == symbol]
        alone = sheet_of(own)
        assert sheet[Cut(by="symbol")][symbol] == tallied(own)
        for by in (None, "hour", "revision", "regime"):
            assert sheet[Cut(symbol, by)] == alone[Cut(symbol, by)] == alone[Cut(by=by)]


@given(counted)
def test_every_breakdown_has_the_tally_of_each_of_its_groups(outcomes: tuple[Counted, ...]) -> None:
    sheet = sheet_of(outcomes)

    for by, key in BREAKDOWNS.items():
        groups = {group: [one for one in outcomes if key(one.trade) == group] for group in sheet[Cut(by=by)]}
        assert sheet[Cut(by=by)] == {group: tallied(own) for group, own in groups.items()}
        assert sum(map(len, groups.values())) == len(outcomes)


def test_histories_go_group_by_group_over_the_days_that_had_trades() -> None:
    days: list[tuple[int, Tallies]] = [
        (DAY, {"a": tallied([Counted(WON)]), "b": tallied([REJECTED])}),
        (DAY + 1, {"a": tallied([CORRECTED])}),
        (DAY + 2, {"a": tallied([Counted(LOST), REJECTED])}),
    ]

    found = histories_of(days)

    assert [day.number for day in found["a"].taken] == [DAY, DAY + 2]
    assert [day.number for day in found["a"].rejected] == [DAY + 2]
    assert (found["a"].corrected, found["a"].counterfactual) == (1, 1)
    assert (found["b"].taken, found["b"].counterfactual) == ((), 1)
