"""Decision ids: valid UUIDs of version 7 that say when their decision was made."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.ids import ENTROPY_BYTES, decision_id, made_at_ms

moments = st.integers(0, 2**48 - 1)
entropies = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(moments, entropies)
def test_an_id_is_a_uuid_of_version_7(at_ms: int, entropy: bytes) -> None:
    parsed = uuid.UUID(decision_id(at_ms, entropy))

    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122


@given(moments, entropies)
def test_an_id_tells_when_it_was_made(at_ms: int, entropy: bytes) -> None:
    assert made_at_ms(decision_id(at_ms, entropy)) == at_ms


@given(moments, moments, entropies, entropies)
def test_ids_sort_by_time(one_ms: int, other_ms: int, one: bytes, other: bytes) -> None:
    if one_ms < other_ms:
        assert decision_id(one_ms, one) < decision_id(other_ms, other)


@given(moments, st.sets(entropies, min_size=2, max_size=2))
def test_two_ids_of_one_moment_differ_by_chance(at_ms: int, entropy: set[bytes]) -> None:
    first, second = (decision_id(at_ms, one) for one in entropy)

    # Nine bytes of the ten are in the id: a difference in the last one alone does not show.
    assert (first == second) == (len({one[:9] for one in entropy}) == 1)


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "order-17",
        "8b3d2e46-7f0a-4d5c-9a51-0e1d2c3b4a59",
        "zzzzzzzz-zzzz-7000-8000-000000000000",
        "0192d3c4-5678-7000-8000-00000000000",
        "0192d3c45678-7000-8000-000000000000-",
    ],
)
def test_an_id_of_another_form_tells_no_time(foreign: str) -> None:
    assert made_at_ms(foreign) is None
