"""Windows: the rows before a row are there before anybody asks, are read once, and are never another row's."""

import threading
import time

import numpy as np
import pytest

from ml_service.adapters.inference.windows import Windows
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.market.row_windows import Window
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import Place
from ml_service.errors import StoreUnavailable
from tests.adapters.inference.past import ETH, Past, row, rows, used
from tests.models import PLACE, model_set

TEN = tuple(row(number) for number in range(10))


def looking_back(count: int, place: Place = PLACE) -> ModelSet:
    return model_set(rows_back=count, place=place)


def firsts(window: Window | None) -> list[float] | None:
    """The first value of each row; NaN is told as -1."""
    return None if window is None else [round(one, 4) for one in np.nan_to_num(window[:, 0], nan=-1.0).tolist()]


def test_the_rows_before_the_newest_one_are_there_when_they_are_asked_for() -> None:
    windows = Windows(Past(*TEN))

    windows.load(rows(*TEN), [looking_back(4)])

    assert firsts(windows.ending_with(used(TEN[9]), rows(*TEN), 4)) == [0.6, 0.7, 0.8, 0.9]
    assert firsts(windows.ending_with(used(TEN[9]), rows(*TEN), 2)) == [0.8, 0.9]
    assert firsts(windows.ending_with(used(TEN[8]), rows(*TEN), 4)) == [0.5, 0.6, 0.7, 0.8]


def test_who_does_not_look_back_needs_nothing_read() -> None:
    market = Past(*TEN)
    windows = Windows(market)

    windows.load(rows(*TEN), [looking_back(1)])

    assert market.asked == []
    assert firsts(windows.ending_with(used(TEN[9]), rows(*TEN), 1)) == [0.9]


def test_before_anything_was_read_there_is_no_window() -> None:
    assert Windows(Past(*TEN)).ending_with(used(TEN[9]), rows(*TEN), 4) is None


def test_a_row_that_the_view_does_not_hold_any_more_has_no_window() -> None:
    windows = Windows(Past(*TEN))
    windows.load(rows(*TEN), [looking_back(4)])

    assert windows.ending_with(used(TEN[5]), rows(*TEN), 4) is None
    assert windows.ending_with(used(TEN[5]), rows(*TEN), 1) is None
    assert windows.ending_with(used(row(9, ETH)), rows(*TEN), 1) is None


def test_where_there_are_too_few_rows_the_first_are_missing() -> None:
    windows = Windows(Past(*TEN))
    gap = [one for one in TEN if one.set_id != TEN[7].set_id]
    torn = Windows(Past(*gap))

    windows.load(rows(*TEN[:2]), [looking_back(4)])
    torn.load(rows(*gap), [looking_back(4)])

    assert firsts(windows.ending_with(used(TEN[1]), rows(*TEN[:2]), 4)) == [-1.0, -1.0, 0.0, 0.1]
    assert firsts(torn.ending_with(used(TEN[9]), rows(*gap), 4)) == [-1.0, -1.0, 0.8, 0.9]


def test_a_bar_that_has_just_closed_is_known_without_being_read() -> None:
    market = Past(*TEN)
    windows = Windows(market)
    windows.load(rows(*TEN[:9]), [looking_back(4)])
    market.asked.clear()

    early = windows.ending_with(used(TEN[9]), rows(*TEN), 4)
    windows.load(rows(*TEN), [looking_back(4)])

    assert firsts(early) == firsts(windows.ending_with(used(TEN[9]), rows(*TEN), 4)) == [0.6, 0.7, 0.8, 0.9]
    assert market.asked == []


@pytest.mark.parametrize(
    "newest", [row(9, revision=1), row(9, schema_hash="another"), row(10)], ids=["revision", "schema", "a bar later"]
)
def test_a_row_that_does_not_continue_what_is_known_is_read(newest: FeatureRow) -> None:
    market = Past(*TEN)
    windows = Windows(market)
    windows.load(rows(*TEN[:9]), [looking_back(4)])
    market.asked.clear()
    later = {newest.stream: (newest, *TEN[8:7:-1])}

    before = windows.ending_with(used(newest), later, 4)
    windows.load(later, [looking_back(4)])

    assert before is None
    assert market.asked == [(newest.set_id, 4)]
    assert windows.ending_with(used(newest), later, 4) is not None


def test_a_set_that_looks_farther_back_has_what_is_known_read_again() -> None:
    market = Past(*TEN)
    windows = Windows(market)
    windows.load(rows(*TEN), [looking_back(2)])
    short = windows.ending_with(used(TEN[9]), rows(*TEN), 4)

    windows.load(rows(*TEN), [looking_back(2), looking_back(4, Place())])

    assert short is None
    assert firsts(windows.ending_with(used(TEN[9]), rows(*TEN), 4)) == [0.6, 0.7, 0.8, 0.9]
    assert market.asked[-2:] == [("BTCUSDT/8/0", 4), ("BTCUSDT/9/0", 4)]


def test_each_symbol_is_read_as_far_back_as_its_own_sets_and_those_of_every_symbol_look() -> None:
    market = Past()
    both = rows(row(9), row(9, ETH))

    Windows(market).load(both, [looking_back(4), looking_back(1, Place("ETHUSDT"))])
    alone = market.asked[:]
    market.asked.clear()
    Windows(market).load(both, [looking_back(4), looking_back(3, Place())])

    assert alone == [("BTCUSDT/9/0", 4)]
    assert market.asked == [("BTCUSDT/9/0", 4), ("ETHUSDT/9/0", 3)]


def test_what_nobody_wants_any_more_is_forgotten() -> None:
    windows = Windows(Past(*TEN))
    for newest in range(1, 10):
        windows.load(rows(*TEN[: newest + 1]), [looking_back(4)])
    held = len(windows._known)

    windows.load(rows(*TEN), [looking_back(1)])

    assert held == 2
    assert windows._known == {}


def test_a_market_that_does_not_answer_leaves_what_is_known() -> None:
    market = Past(*TEN)
    windows = Windows(market)
    windows.load(rows(*TEN), [looking_back(4)])
    market.is_away = True

    with pytest.raises(StoreUnavailable):
        windows.load(rows(*TEN), [looking_back(8)])

    assert firsts(windows.ending_with(used(TEN[9]), rows(*TEN), 4)) == [0.6, 0.7, 0.8, 0.9]


def test_a_window_that_was_handed_out_does_not_change_with_the_next_bar() -> None:
    windows = Windows(Past(*TEN))
    windows.load(rows(*TEN[:9]), [looking_back(4)])
    handed_out = windows.ending_with(used(TEN[8]), rows(*TEN[:9]), 4)

    windows.load(rows(*TEN), [looking_back(4)])

    assert firsts(handed_out) == [0.5, 0.6, 0.7, 0.8]


def test_while_bars_come_in_every_reader_finds_the_window_of_its_own_row_or_none() -> None:
    many = [row(number) for number in range(300)]
    states = [(number, used(many[number]), rows(*many[number - 1 : number + 1])) for number in range(4, 300)]
    windows, done, current = Windows(Past(*many)), threading.Event(), [states[0]]
    found: list[int] = []
    wrong: list[object] = []

    def read() -> None:
        while not done.wait(0.0002):
            number, newest, known = current[0]
            told = firsts(windows.ending_with(newest, known, 4))
            if told is None:
                continue
            found.append(number)
            if told != [round((number - back) / 10, 4) for back in (3, 2, 1, 0)]:
                wrong.append((number, told))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for state in states:
        current[0] = state
        windows.load(state[2], [looking_back(4)])
        time.sleep(0.0005)
    done.set()
    for reader in readers:
        reader.join()

    assert wrong == []
    assert len(set(found)) > 10
