"""Champions that come and go leave nothing behind: neither their graphs nor what was refused of them."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from ml_service.adapters.inference.champions import Champions
from ml_service.adapters.inference.graph import OnnxGraph, open_graph
from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.domain.models.champions import Unreadable
from tests.champions import certain, shelved_set
from tests.models import FOREIGN_KEY, KEY, PLACE


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "shelf", 1_000_000)


class Desk:
    """Champions, and what they said aloud."""

    def __init__(self, shelf: FolderShelf) -> None:
        self.opened: list[weakref.ref[OnnxGraph]] = []
        self.alerts: list[str] = []
        self.champions = Champions(shelf, KEY, self._open, self.alerts.append, 20.0)

    def _open(self, content: bytes) -> OnnxGraph:
        graph = open_graph(content)
        self.opened.append(weakref.ref(graph))
        return graph

    def look(self, wanted: Any, unreadable: Any = None) -> None:
        self.champions.take(wanted, self.champions.newcomers(wanted), unreadable or {})


def test_of_many_that_served_only_the_last_two_graphs_are_held(shelf: FolderShelf) -> None:
    desk = Desk(shelf)
    for number in range(12):
        desk.look({PLACE: shelved_set(shelf, certain(number), set_id=f"s-{number}").signed})

    gc.collect()

    assert len(desk.opened) == 12
    assert [one() is not None for one in desk.opened] == [False] * 10 + [True] * 2


def test_what_was_refused_is_forgotten_once_nobody_wants_it(shelf: FolderShelf) -> None:
    desk = Desk(shelf)
    for number in range(5):
        desk.look({PLACE: shelved_set(shelf, certain(1.0), set_id=f"s-{number}", key=FOREIGN_KEY).signed})
        desk.look({PLACE: shelved_set(shelf, certain(1.0), set_id=f"s-{number}", key=FOREIGN_KEY).signed})

    assert len(desk.alerts) == 5
    assert len(desk.champions._refused) == 1


def test_one_that_cannot_be_read_is_told_of_once_and_again_when_it_comes_back(shelf: FolderShelf) -> None:
    desk, broken = Desk(shelf), {PLACE: Unreadable(PLACE, "s-2", "expected JSON")}
    good = {PLACE: shelved_set(shelf, certain(1.0), set_id="s-1").signed}

    for wanted, unreadable in ((good, {}), (good, broken), ({}, broken), (good, {}), (good, broken)):
        desk.look(wanted, unreadable)

    assert desk.alerts == ["the champion for BTCUSDT/* was refused, set s-1 goes on: expected JSON"] * 2
    assert desk.champions.serving.models[PLACE].set_id == "s-1"
