"""One page of memory for all processes of a host."""

import multiprocessing
import random
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from ml_service.adapters.shared_page import SLOTS, SharedPage

SOON = 10.0


def look_and_write(path: Path, pipe: Connection) -> None:
    """The other process: says what it sees, then sets the mark itself."""
    mark = SharedPage(path).mark("generation")
    pipe.send(mark.value())
    pipe.recv()
    pipe.send(mark.value())
    mark.set(4711)
    pipe.send("done")


def test_a_mark_is_seen_by_another_process_and_back(tmp_path: Path) -> None:
    page = SharedPage(tmp_path / "page")
    mark = page.mark("generation")
    mark.set(17)
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    other = multiprocessing.get_context("spawn").Process(target=look_and_write, args=(tmp_path / "page", theirs))
    other.start()

    first = mine.recv()
    mark.bump()
    mine.send("look again")
    second = mine.recv()
    assert mine.poll(SOON)
    mine.recv()
    other.join(SOON)

    assert first == 17
    assert second != 17
    assert mark.value() == 4711


def test_marks_do_not_touch_each_other(tmp_path: Path) -> None:
    page = SharedPage(tmp_path / "page")

    page.mark("generation").set(1)
    page.mark("settings").set(2)
    page.mark("journal").set(-3)
    page.mark("draining").set(4)
    page.mark("door").set(5)
    page.mark("test_time").set(6)

    assert [page.mark(name).value() for name in SLOTS] == [1, 2, -3, 4, 5, 6]


def test_a_mark_that_is_advanced_never_goes_back(tmp_path: Path) -> None:
    page = SharedPage(tmp_path / "page")
    times = list(range(1, 401))
    random.Random(1).shuffle(times)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda value: page.advance("test_time", value), times))

    assert page.mark("test_time").value() == 400
    page.advance("test_time", 399)
    assert SharedPage(tmp_path / "page").mark("test_time").value() == 400


def test_every_bump_moves_the_mark(tmp_path: Path) -> None:
    mark = SharedPage(tmp_path / "page").mark("journal")
    seen = {mark.value()}

    for _ in range(100):
        mark.bump()
        seen.add(mark.value())

    assert len(seen) == 101


def test_a_new_page_starts_at_zero_and_a_known_one_keeps_its_marks(tmp_path: Path) -> None:
    first = SharedPage(tmp_path / "folder" / "page").mark("generation")
    assert first.value() == 0
    first.set(5)

    assert SharedPage(tmp_path / "folder" / "page").mark("generation").value() == 5


def test_a_glance_costs_less_than_ten_microseconds(tmp_path: Path) -> None:
    mark = SharedPage(tmp_path / "page").mark("generation")
    rounds = []

    for _ in range(20):
        began = time.perf_counter()
        for _ in range(1_000):
            mark.value()
        rounds.append((time.perf_counter() - began) / 1_000)

    assert min(rounds) < 10e-6
