"""Training stops where later examples say so, and leaves chance and threads as they were."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from ml_service.errors import Untrainable
from ml_service.learning.trainers import trainer
from ml_service.learning.trainers.nets.training import course_of
from ml_service.learning.trainers.spec import Wishes
from tests.learning.examples import planted, shuffled

SMALL = {"size": 8, "epochs": 8, "patience": 1}
COURSE: Mapping[str, Any] = {
    "epochs": 15,
    "blind_epochs": 3,
    "more_epochs": 2,
    "more_rate_share": 0.5,
    "batch": 64,
    "rate": 0.01,
    "decay": 0.0,
    "patience": 3,
    "half_precision": 1.0,
}


def test_it_keeps_the_epoch_that_later_examples_liked_best() -> None:
    found = trainer("nhits")
    model = found.fit(shuffled(planted(400)), planted(200, seed=8), Wishes(parameters=SMALL))

    assert model.steps < 8


def test_nobody_watches_a_training_without_later_examples_so_it_is_short() -> None:
    assert course_of(COURSE, "cpu", more=False, watched=True).epochs == 15
    assert course_of(COURSE, "cpu", more=False, watched=False).epochs == 3


def test_going_on_takes_smaller_steps() -> None:
    course = course_of(COURSE, "cpu", more=True, watched=False)

    assert (course.epochs, course.rate) == (2, 0.005)


def test_only_cuda_trains_in_half_precision() -> None:
    assert [course_of(COURSE, device, more=False, watched=True).half for device in ("cuda", "mps", "cpu")] == [
        True,
        False,
        False,
    ]


def test_a_net_whose_weights_grew_beyond_all_bounds_is_none() -> None:
    for later in (None, planted(100, seed=8)):
        with pytest.raises(Untrainable, match=r"with a rate of 1e\+30"):
            trainer("nhits").fit(planted(200), later, Wishes(parameters={"size": 8, "epochs": 1, "rate": 1e30}))


def test_a_net_keeps_its_shape_when_it_goes_on() -> None:
    found = trainer("nhits")
    native = found.fit(planted(200), None, Wishes(parameters={"size": 8, "epochs": 1})).native()

    with pytest.raises(Untrainable, match="expected size of 8, as the file has it, found 9"):
        found.resume(native, planted(200), Wishes(parameters={"size": 9}))


def test_chance_and_threads_are_left_as_they_were() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()

    trainer("nhits").fit(planted(200), None, Wishes(threads=threads + 1, parameters={"size": 8, "epochs": 1}))

    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_a_net_learns_from_earlier_rows_what_the_newest_does_not_say() -> None:
    def delayed(seed: int) -> Any:
        known = planted(1_500, seed, strength=2.0)
        known.rows[:] = np.roll(known.rows, -2, axis=0)
        return known.some(np.arange(100, 1_500))

    unseen = delayed(3)
    model = trainer("lstm").fit(delayed(1), delayed(2), Wishes(parameters={"size": 16, "epochs": 4, "rate": 0.02}))
    rises = model.rises(unseen.windows(32))

    assert rises[unseen.rose == 1].mean() - rises[unseen.rose == 0].mean() > 0.2
