"""Windows of rows: put together as in training, up to a gap."""

import numpy as np

from ml_service.domain.market.row_windows import moved_on, window_of
from tests.candles import HOUR_MS

VALUES = {number * HOUR_MS: (float(number), -float(number)) for number in range(10)}


def test_the_newest_row_stands_last() -> None:
    window = window_of(VALUES, 9 * HOUR_MS, HOUR_MS, 3)

    assert window.tolist() == [[7.0, -7.0], [8.0, -8.0], [9.0, -9.0]]
    assert window.dtype == np.float32


def test_nothing_is_looked_back_on_over_a_gap() -> None:
    gap = {at: values for at, values in VALUES.items() if at != 7 * HOUR_MS}

    window = window_of(gap, 9 * HOUR_MS, HOUR_MS, 4)

    assert np.isnan(window[:2]).all()
    assert window[2:].tolist() == [[8.0, -8.0], [9.0, -9.0]]


def test_before_the_first_row_there_is_nothing() -> None:
    assert np.isnan(window_of(VALUES, 0, HOUR_MS, 2)[0]).all()


def test_moving_on_by_a_row_is_the_window_of_the_next() -> None:
    before, after = (window_of(VALUES, number * HOUR_MS, HOUR_MS, 4) for number in (8, 9))

    assert moved_on(before, VALUES[9 * HOUR_MS]).tolist() == after.tolist()
    assert before[-1].tolist() == [8.0, -8.0]
