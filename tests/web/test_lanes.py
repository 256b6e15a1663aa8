"""Lanes: a fixed number of places, a short queue in order, and nobody without a place holds one."""

import threading
import time

from ml_service.web.lanes import Lane, Lanes, LaneSize


def lane(slots: int = 1, waiting: int = 0, wait_ms: float = 0) -> Lane:
    return Lane(LaneSize(slots, waiting, wait_ms))


def test_there_are_as_many_places_as_it_says() -> None:
    one = lane(slots=2)

    assert [one.enter() for _ in range(3)] == [True, True, False]


def test_a_place_that_is_given_back_can_be_taken() -> None:
    one = lane()
    one.enter()

    one.leave()

    assert one.enter()


def test_whoever_waits_gets_the_place_that_comes_free() -> None:
    one = lane(waiting=1, wait_ms=5_000)
    one.enter()
    got: list[bool] = []
    waiting = threading.Thread(target=lambda: got.append(one.enter()))
    waiting.start()

    time.sleep(0.05)
    one.leave()
    waiting.join(5)

    assert got == [True]
    assert one.enter(0) is False


def test_patience_ends() -> None:
    one = lane(waiting=1, wait_ms=20)
    one.enter()

    began = time.monotonic()
    entered = one.enter()

    assert not entered
    assert 0.015 < time.monotonic() - began < 2.0


def test_a_shorter_deadline_ends_it_earlier() -> None:
    one = lane(waiting=1, wait_ms=5_000)
    one.enter()

    began = time.monotonic()

    assert not one.enter(10)
    assert time.monotonic() - began < 2.0


def test_a_full_queue_turns_away_at_once() -> None:
    one = lane(waiting=1, wait_ms=5_000)
    one.enter()
    waiting = threading.Thread(target=one.enter)
    waiting.start()
    time.sleep(0.05)

    began = time.monotonic()
    turned_away = not one.enter()
    took = time.monotonic() - began

    one.leave()
    waiting.join(5)
    assert turned_away
    assert took < 1.0


def test_under_a_storm_there_are_never_more_inside_than_places_and_none_is_lost() -> None:
    one = lane(slots=3, waiting=8, wait_ms=20)
    inside, most = 0, 0
    lock = threading.Lock()

    def come_and_go() -> None:
        nonlocal inside, most
        for _ in range(50):
            if one.enter():
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.0005)
                with lock:
                    inside -= 1
                one.leave()

    threads = [threading.Thread(target=come_and_go) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most <= 3
    assert [one.enter() for _ in range(4)] == [True, True, True, False]


def test_lanes_do_not_take_each_others_places() -> None:
    lanes = Lanes({"decide": LaneSize(1, 0, 0), "store": LaneSize(1, 0, 0)})
    lanes.enter("store")

    assert lanes.enter("decide")
    assert not lanes.enter("store")
    lanes.leave("store")
    assert lanes.enter("store")


def test_a_lane_without_a_size_is_free() -> None:
    lanes = Lanes({})

    assert all(lanes.enter("free") for _ in range(100))
