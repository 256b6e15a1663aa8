"""Tallies come back from their text as they were, whatever their numbers."""

import math

import pytest
from hypothesis import given

from ml_service.adapters.rollups import codec
from ml_service.domain.performance.holding import Holding
from ml_service.domain.performance.summary import Summary, summarised
from ml_service.domain.performance.tally import Group, Tallies, Tally
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.performance.histories import ANY, trade, trades


def again(tallies: Tallies) -> Tallies:
    return codec.tallies_from(codec.content_of(tallies))


@given(trades(ANY), trades(ANY, max_size=3))
def test_a_tally_comes_back_as_it_was(taken: list[ClosedTrade], rejected: list[ClosedTrade]) -> None:
    tallies: Tallies = {None: Tally(summarised(taken), summarised(rejected), 3)}

    assert again(tallies) == tallies


@pytest.mark.parametrize("group", [None, "BTCUSDT", "*", 23, ("*", 3), (None, None)])
def test_a_group_keeps_its_name(group: Group) -> None:
    assert set(again({group: Tally(corrected=1)})) == {group}


def test_many_groups_are_packed() -> None:
    tallies: Tallies = {hour: Tally(summarised([trade(day=hour / 24)])) for hour in range(24)}

    content = codec.content_of(tallies)

    assert content is not None
    assert len(content) < 24 * codec.NUMBERS.size / 4
    assert again(tallies) == tallies


def test_numbers_out_of_range_come_back() -> None:
    tally = Tally(Summary(trades=2, growth=math.inf, holding=Holding(1, -1, 2, 3, -math.inf)))

    assert again({None: tally}) == {None: tally}


def test_a_number_without_room_in_its_place_has_no_content() -> None:
    assert codec.content_of({None: Tally(Summary(trades=2, holding=Holding(1, 0, 2**70, 2**70)))}) is None


def test_a_day_without_content_is_empty() -> None:
    assert codec.tallies_from(None) == {}
    assert again({}) == {}
