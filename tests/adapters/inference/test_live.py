"""The forecaster: who asks is answered by the set that was asked about, whatever comes, goes or breaks meanwhile."""

import gc
import logging
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ml_service.adapters.inference import champions, live
from ml_service.adapters.inference.graph import OnnxGraph, open_graph
from ml_service.adapters.inference.live import LiveForecaster
from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.models.calibration import squashed
from ml_service.domain.models.champions import Unreadable
from ml_service.domain.models.set_document import SignedSet
from ml_service.domain.models.slots import Place
from ml_service.domain.models.speaking import Figures, Question
from ml_service.domain.types import ModelStatus
from ml_service.domain.view import View
from tests.adapters.inference.past import ETH, Past, row, used, view
from tests.champions import certain, graph_of, listening, shelved_set
from tests.models import KEY, PLACE

TEN = tuple(row(number) for number in range(10))
ETHS = tuple(row(number, ETH) for number in range(10))


class Room:
    """A forecaster, what it reads, and what it said aloud."""

    def __init__(self, folder: Path) -> None:
        self.shelf = FolderShelf(folder / "shelf", 1_000_000)
        self.market = Past(*TEN, *ETHS)
        self.alerts: list[str] = []
        self.opened: list[weakref.ref[OnnxGraph]] = []
        self.runs: list[float] = []
        self.view = view(*TEN, *ETHS)
        self.forecaster = LiveForecaster(
            view=lambda: self.view,
            files=self.shelf,
            key=KEY,
            market=self.market,
            alert=self.alerts.append,
            ran=self.runs.append,
            opening=self.open,
            slowest_ms=1_000.0,
        )

    def open(self, content: bytes) -> OnnxGraph:
        graph = open_graph(content)
        self.opened.append(weakref.ref(graph))
        return graph

    def show(self, *crowned: SignedSet, rows: Sequence[FeatureRow] = (*TEN, *ETHS)) -> View:
        """From the next look on."""
        self.view = view(*rows, champions=crowned)
        return self.view

    def crown(self, *crowned: SignedSet) -> View:
        shown = self.show(*crowned)
        self.forecaster.look()
        return shown

    def ask(self, *questions: Question) -> list[Figures | ModelStatus]:
        return self.forecaster.figures(self.view, questions)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.forecaster.stop()


@contextmanager
def beside(work: Callable[[], None], count: int = 4) -> Iterator[None]:
    """Threads that do it over and over, until the block is left."""
    done = threading.Event()

    def again() -> None:
        while not done.wait(0.001):
            work()

    threads = [threading.Thread(target=again) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def rises(told: Figures | ModelStatus) -> tuple[float, ...]:
    assert isinstance(told, Figures)
    return told.rises


def test_each_question_is_answered_by_its_own_set_from_its_own_rows(room: Room) -> None:
    btc = shelved_set(room.shelf, listening(0, 1.0, rows_back=4), set_id="btc")
    eth = shelved_set(room.shelf, certain(-2.0), set_id="eth", place=Place("ETHUSDT"))
    room.crown(btc, eth)

    told = room.ask(
        Question(btc.models, used(TEN[9])), Question(eth.models, used(ETHS[9])), Question(btc.models, used(TEN[8]))
    )

    expected = [squashed(0.75), squashed(-2.0), squashed(0.65)]
    assert [rises(one)[0] for one in told] == pytest.approx(expected, abs=1e-6)
    assert len(room.runs) == 2


def test_a_set_whose_rows_are_not_there_does_not_silence_another(room: Room) -> None:
    btc = shelved_set(room.shelf, listening(0, 1.0, rows_back=4), set_id="btc")
    eth = shelved_set(room.shelf, certain(-2.0), set_id="eth", place=Place("ETHUSDT"))
    room.market.is_away = True
    room.crown(btc, eth)

    told = room.ask(Question(btc.models, used(TEN[9])), Question(eth.models, used(ETHS[9])))
    room.market.is_away = False
    room.forecaster.look()
    (later,) = room.ask(Question(btc.models, used(TEN[9])))

    assert told[0] == "window_missing"
    assert rises(told[1]) == pytest.approx((squashed(-2.0),), abs=1e-6)
    assert rises(later) == pytest.approx((squashed(0.75),), abs=1e-6)


def test_a_market_that_stays_away_is_told_of_once(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.market.is_away = True
    for _ in range(3):
        room.crown(shelved_set(room.shelf, certain(1.0, rows_back=4)))
    room.market.is_away = False
    room.forecaster.look()
    room.market.is_away = True
    room.view = view(*TEN, row(20), champions=[shelved_set(room.shelf, certain(1.0, rows_back=4))])
    room.forecaster.look()

    assert sum("no rows for models that look back" in line for line in caplog.messages) == 2


def test_a_row_that_has_left_the_view_is_told_as_missing_beside_others_that_are_there(room: Room) -> None:
    champion = shelved_set(room.shelf, certain(1.0))
    room.crown(champion)

    told = room.ask(Question(champion.models, used(TEN[3])), Question(champion.models, used(TEN[9])))

    assert told[0] == "window_missing"
    assert isinstance(told[1], Figures)


def test_what_a_row_said_is_remembered_and_one_that_is_asked_about_twice_is_run_once(room: Room) -> None:
    champion = shelved_set(room.shelf, certain(1.0))
    room.crown(champion)
    question = Question(champion.models, used(TEN[9]))

    first = room.ask(question, question)
    again = room.ask(question)

    assert [*first, *again] == [first[0]] * 3
    assert len(room.runs) == 1


def test_memory_stays_within_bounds_and_what_was_forgotten_is_said_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FIGURES_MAX", 3)
    champion = shelved_set(room.shelf, listening(0, 1.0))
    told: list[float] = []
    for number in range(1, 10):
        room.show(champion, rows=TEN[number - 1 : number + 1])
        room.forecaster.look()
        told.extend(rises(one)[0] for one in room.ask(Question(champion.models, used(TEN[number]))))
        assert len(room.forecaster._known) <= 3
    room.show(champion, rows=TEN[:2])

    (again,) = room.ask(Question(champion.models, used(TEN[1])))

    assert told == pytest.approx([squashed(number / 10) for number in range(1, 10)], abs=1e-6)
    assert rises(again)[0] == told[0]
    assert len(room.runs) == 10


def test_while_champions_are_swapped_nobody_hears_another_set_than_the_one_asked_about(room: Room) -> None:
    sets = [shelved_set(room.shelf, certain(number / 10), set_id=f"s-{number}", version=number) for number in range(12)]
    expected = {one.models.set_id: squashed(number / 10) for number, one in enumerate(sets)}
    room.crown(sets[0])
    heard: list[tuple[str, Figures | ModelStatus]] = []

    def ask() -> None:
        models = room.forecaster.serving().models[PLACE]
        (told,) = room.ask(Question(models, used(TEN[9])))
        heard.append((models.set_id, told))

    with beside(ask):
        for champion in sets[1:]:
            room.crown(champion)
            # A process looks ten times a second, so a question is put and answered within two looks.
            time.sleep(0.02)

    assert {told for _, told in heard if not isinstance(told, Figures)} <= {"loading"}
    told = [(set_id, rises(one)[0]) for set_id, one in heard if isinstance(one, Figures)]
    assert {set_id for set_id, _ in told} == set(expected)
    assert max(abs(one - expected[set_id]) for set_id, one in told) < 1e-6
    assert room.alerts == []


def test_a_question_that_took_longer_than_two_looks_is_told_so(room: Room) -> None:
    first, second, third = (shelved_set(room.shelf, certain(1.0), set_id=f"s-{number}") for number in range(3))
    for champion in (first, second, third):
        room.crown(champion)

    told = room.ask(*(Question(one.models, used(TEN[9])) for one in (first, second, third)))

    assert (told[0], rises(told[1]), rises(told[2])) == ("loading", *[pytest.approx((squashed(1.0),), abs=1e-6)] * 2)


def test_while_a_newcomer_is_opened_the_one_before_it_goes_on(room: Room) -> None:
    before, after = (shelved_set(room.shelf, certain(number), set_id=f"s-{number}") for number in (1.0, 2.0))
    room.crown(before)
    opening, go_on = threading.Event(), threading.Event()

    def slowly(content: bytes) -> OnnxGraph:
        opening.set()
        assert go_on.wait(5.0)
        return open_graph(content)

    room.forecaster._champions._open = slowly
    room.show(after)
    looking = threading.Thread(target=room.forecaster.look)
    looking.start()
    assert opening.wait(5.0)
    meanwhile = room.forecaster.serving().models[PLACE].set_id
    (told,) = room.ask(Question(before.models, used(TEN[9])))
    go_on.set()
    looking.join()

    assert (meanwhile, room.forecaster.serving().models[PLACE].set_id) == ("s-1.0", "s-2.0")
    assert rises(told) == pytest.approx((squashed(1.0),), abs=1e-6)


def test_a_file_that_vanishes_once_it_was_opened_is_not_missed(room: Room) -> None:
    champion = shelved_set(room.shelf, certain(1.0))

    def opened_and_gone(content: bytes) -> OnnxGraph:
        room.shelf.drop(champion.models.graph_sha256)
        return open_graph(content)

    room.forecaster._champions._open = opened_and_gone
    room.crown(champion)
    room.forecaster.look()

    assert rises(room.ask(Question(champion.models, used(TEN[9])))[0]) == pytest.approx((squashed(1.0),), abs=1e-6)
    assert room.alerts == []


def test_a_file_that_vanished_before_leaves_the_old_one_until_it_is_back(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(champions, "AGAIN_SECONDS", 0.0)
    before, after = (shelved_set(room.shelf, certain(number), set_id=f"s-{number}") for number in (1.0, 2.0))
    room.crown(before)
    room.shelf.drop(after.models.graph_sha256)

    room.crown(after)
    room.forecaster.look()
    meanwhile = room.forecaster.serving().models[PLACE].set_id
    (health,) = room.forecaster.health()
    room.shelf.put(graph_of([certain(2.0)]))
    room.forecaster.look()

    refused = f"expected file {after.models.graph_sha256} on the shelf, found none"
    assert meanwhile == "s-1.0"
    assert (health["wanted"], health["speaking"], health["refused"]) == ("s-2.0", "s-1.0", refused)
    assert room.alerts == [f"the champion for BTCUSDT/* was refused, set s-1.0 goes on: {refused}"]
    assert room.forecaster.serving().models[PLACE].set_id == "s-2.0"
    assert room.forecaster.health()[0]["refused"] is None


def test_sessions_of_sets_that_left_are_released_also_while_they_were_asked(room: Room) -> None:
    room.crown(shelved_set(room.shelf, certain(0.0), set_id="s-0"))

    def ask() -> None:
        room.ask(Question(room.forecaster.serving().models[PLACE], used(TEN[9])))

    with beside(ask, count=2):
        for number in range(1, 8):
            room.crown(shelved_set(room.shelf, certain(number), set_id=f"s-{number}"))
    room.show()
    room.forecaster.look()
    room.forecaster.look()
    gc.collect()

    assert len(room.opened) == 8
    assert [one() for one in room.opened] == [None] * 8


def test_a_graph_that_fails_is_told_of_once_until_it_has_worked_again(room: Room) -> None:
    champion = shelved_set(room.shelf, certain(1.0))
    room.crown(champion)
    graph = room.forecaster._champions.open[PLACE].graph
    whole, question = graph._session, Question(champion.models, used(TEN[9]))

    told: list[Figures | ModelStatus] = []
    for session in (None, None, whole, None):
        graph._session = session
        room.forecaster._known.clear()
        told += room.ask(question)

    assert [one if isinstance(one, str) else "told" for one in told] == ["failed", "failed", "told", "failed"]
    assert room.alerts == ["the graph of set s-1 fails; decisions are made without it"] * 2


def test_figures_that_are_no_numbers_are_handed_on_as_such(room: Room) -> None:
    champion = shelved_set(room.shelf, certain(math.nan), certain(1.0))
    room.crown(champion)

    first, second = rises(room.ask(Question(champion.models, used(TEN[9])))[0])

    assert math.isnan(first)
    assert second == pytest.approx(squashed(1.0), abs=1e-6)


def test_where_a_named_champion_cannot_be_read_its_place_says_refused(room: Room) -> None:
    broken = Unreadable(PLACE, "s-2", "expected JSON")
    room.view = replace(view(*TEN), unreadable={PLACE: broken})

    room.forecaster.look()
    (health,) = room.forecaster.health()

    assert room.forecaster.serving().silent == {PLACE: "refused"}
    assert (health["wanted"], health["speaking"], health["refused"]) == ("s-2", None, "expected JSON")


def test_a_look_that_fails_does_not_end_the_looking(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    shown, fails = room.show(shelved_set(room.shelf, certain(1.0))), threading.Event()

    def seen() -> View:
        if not fails.is_set():
            fails.set()
            raise RuntimeError("out of luck")
        return shown

    room.forecaster._view = seen
    with caplog.at_level(logging.ERROR):
        room.forecaster.start()
    deadline = time.monotonic() + 5.0
    while PLACE not in room.forecaster.serving().models:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert "looking for champions failed" in caplog.messages


def test_it_starts_with_its_champions_open_and_stops_at_once(room: Room) -> None:
    room.show(shelved_set(room.shelf, certain(1.0)))

    room.forecaster.start()
    at_once = set(room.forecaster.serving().models)
    began = time.monotonic()
    room.forecaster.stop()
    room.forecaster.stop()

    assert at_once == {PLACE}
    assert time.monotonic() - began < 1.0
    assert not room.forecaster._thread.is_alive()
