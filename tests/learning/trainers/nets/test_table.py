"""Windows out of one table."""

from dataclasses import replace

import numpy as np
import torch

from ml_service.learning.trainers.nets.net import Prepare
from ml_service.learning.trainers.nets.table import Table, missing_in_windows
from ml_service.learning.trainers.preparation import preparation_of
from tests.learning.examples import planted

ROWS_BACK = 8


def test_windows_are_those_of_the_examples_gaps_included() -> None:
    known = planted(60, missing=0.1)
    follows = known.follows.copy()
    follows[[20, 23]] = False
    known = replace(known, follows=follows).some(np.arange(0, 60, 3))
    prepare = Prepare(preparation_of(known.rows))

    table = Table(known, ROWS_BACK, prepare, "cpu")
    taken = table.windows(torch.arange(len(known)))

    assert torch.equal(taken, prepare(torch.tensor(known.windows(ROWS_BACK))))


def test_a_missing_value_is_seen_wherever_a_window_holds_it() -> None:
    whole = planted(60)
    for place, feature in ((9, 0), (10, 1), (30, 2), (31, 3)):
        whole.rows[place, feature] = np.nan
    known = whole.some(np.arange(17, 31))

    seen = missing_in_windows(known, ROWS_BACK)

    assert seen.tolist() == np.isnan(known.windows(ROWS_BACK)).any(axis=(0, 1)).tolist()
    assert seen[:4].tolist() == [False, True, True, False]


def test_a_window_that_begins_before_a_gap_lacks_everything_there() -> None:
    assert missing_in_windows(planted(60), ROWS_BACK).all()
