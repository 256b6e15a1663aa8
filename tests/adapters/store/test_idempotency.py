"""Idempotency-Keys: one claim wins, its answer is kept, and a dead claim does not block for ever."""

import threading

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.idempotency import HOUR_MS, UNDER_WAY_MS_MAX, IdempotencyTable
from ml_service.ports import Claim
from tests.builders import NOW_MS


@pytest.fixture
def keys(database: Database) -> IdempotencyTable:
    return IdempotencyTable(database, hours=24)


def test_the_first_claim_wins_and_a_second_hears_that_it_is_under_way(keys: IdempotencyTable) -> None:
    assert keys.claim("ada", "k", "hash", NOW_MS) == Claim("new")
    assert keys.claim("ada", "k", "hash", NOW_MS) == Claim("under_way")


def test_the_kept_answer_comes_back_byte_for_byte(keys: IdempotencyTable) -> None:
    keys.claim("ada", "k", "hash", NOW_MS)

    keys.keep("ada", "k", 201, '{"ä": 0.1}'.encode())

    assert keys.claim("ada", "k", "hash", NOW_MS + 5) == Claim("answered", 201, '{"ä": 0.1}'.encode())


def test_another_body_under_the_same_key_is_another_request(keys: IdempotencyTable) -> None:
    keys.claim("ada", "k", "hash", NOW_MS)

    under_way = keys.claim("ada", "k", "other", NOW_MS)
    keys.keep("ada", "k", 200, b"{}")

    assert under_way == keys.claim("ada", "k", "other", NOW_MS) == Claim("other")


def test_callers_do_not_share_keys(keys: IdempotencyTable) -> None:
    keys.claim("ada", "k", "hash", NOW_MS)

    assert keys.claim("bob", "k", "other", NOW_MS) == Claim("new")


def test_a_released_key_can_be_claimed_again(keys: IdempotencyTable) -> None:
    keys.claim("ada", "k", "hash", NOW_MS)

    keys.release("ada", "k")

    assert keys.claim("ada", "k", "other", NOW_MS) == Claim("new")


def test_a_claim_whose_process_died_runs_out(keys: IdempotencyTable) -> None:
    keys.claim("ada", "k", "hash", NOW_MS)

    assert keys.claim("ada", "k", "hash", NOW_MS + UNDER_WAY_MS_MAX) == Claim("under_way")
    assert keys.claim("ada", "k", "hash", NOW_MS + UNDER_WAY_MS_MAX + 1) == Claim("new")


def test_an_answer_is_kept_for_a_day(keys: IdempotencyTable) -> None:
    keys.claim("ada", "k", "hash", NOW_MS)
    keys.keep("ada", "k", 200, b"{}")

    assert keys.claim("ada", "k", "hash", NOW_MS + 24 * HOUR_MS).state == "answered"
    assert keys.claim("ada", "k", "other", NOW_MS + 24 * HOUR_MS + 1) == Claim("new")


def test_of_many_claims_at_once_one_wins(keys: IdempotencyTable) -> None:
    states: list[str] = []
    start = threading.Barrier(8)

    def claim() -> None:
        start.wait()
        states.append(keys.claim("ada", "k", "hash", NOW_MS).state)

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(states) == ["new"] + ["under_way"] * 7
