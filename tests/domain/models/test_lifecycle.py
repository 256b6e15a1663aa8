"""No model takes a step that does not follow from where it stands."""

from itertools import product
from typing import get_args

import pytest

from ml_service.domain.models.lifecycle import moved
from ml_service.domain.models.slots import Status
from ml_service.errors import Conflict
from tests.builders import NOW_MS
from tests.models import model_record

STEPS = {
    ("TRAINING", "SHADOW"),
    ("TRAINING", "FAILED"),
    ("SHADOW", "ACTIVE"),
    ("SHADOW", "RETIRED"),
    ("SHADOW", "FAILED"),
    ("ACTIVE", "RETIRED"),
    ("ACTIVE", "SHADOW"),
    ("RETIRED", "ACTIVE"),
}


@pytest.mark.parametrize(("before", "after"), list(product(get_args(Status), repeat=2)))
def test_only_what_follows_may_follow(before: Status, after: Status) -> None:
    model = model_record(status=before)

    if (before, after) in STEPS:
        assert moved(model, after, NOW_MS).status == after
    else:
        with pytest.raises(Conflict, match=f"model m-1 is {before}") as refused:
            moved(model, after, NOW_MS)
        assert refused.value.code == "wrong_status"


def test_a_model_that_comes_back_is_retired_no_longer() -> None:
    retired = moved(model_record(status="ACTIVE", promoted_at_ms=NOW_MS), "RETIRED", NOW_MS + 1, "a better one")
    back = moved(retired, "ACTIVE", NOW_MS + 2)

    assert (retired.retired_at_ms, retired.reason) == (NOW_MS + 1, "a better one")
    assert (back.promoted_at_ms, back.retired_at_ms, back.reason) == (NOW_MS + 2, None, None)
