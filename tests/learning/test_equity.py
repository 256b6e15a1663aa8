"""Equity: each trade is counted when it is over, and none begins before."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.conformal import Conformal
from ml_service.learning.dataset import Dataset
from ml_service.learning.equity import ahead_a_day, always, equity, never
from ml_service.learning.walk import Mixture, SideRule, Stretch
from tests.learning.examples import BAR_MS
from tests.learning.planted import MOVE, dataset


def stretch(rows: Dataset) -> Stretch:
    rule = SideRule(Calibration(), 0.5, MOVE, -MOVE, Conformal(0.5, 0))
    return Stretch(rows, np.full((1, len(rows)), 0.5), np.full(len(rows), 0.5), Mixture({}, rule, rule), (0.5,))


def three_bars() -> Dataset:
    """Every purchase gains, and what it came to is known at the close of the third bar after it."""
    made = dataset(8)
    return replace(made, bought=np.full(8, MOVE), known_from=made.places + 3, overlap=3)


def test_a_point_lies_at_the_close_of_the_bar_at_which_its_trade_ended() -> None:
    rows = three_bars()

    found = equity("always", "", [stretch(rows)], always)

    opened = rows.opened_at_ms
    assert [at for at, _ in found.points] == [int(opened[3]) + BAR_MS, int(opened[6]) + BAR_MS, int(opened[7]) + BAR_MS]
    assert [total for _, total in found.points] == pytest.approx([1.0, 2.0, 3.0])


def test_no_trade_begins_while_another_is_open() -> None:
    assert equity("always", "", [stretch(three_bars())], always).trades == 3
    assert equity("always", "", [stretch(dataset(8))], always).trades == 8


def test_a_rule_is_ahead_of_another_by_what_it_gained_more_a_day() -> None:
    rows = stretch(dataset(400))
    bought, nothing = equity("always", "", [rows], always), equity("never", "", [rows], never)

    found = ahead_a_day(bought, nothing)

    days = bought.points[-1][0] // 86_400_000 - bought.points[0][0] // 86_400_000 + 1
    assert found is not None
    assert found.value == pytest.approx(bought.total / days)
    assert found.low is not None
    assert ahead_a_day(bought, bought) is not None
    assert ahead_a_day(nothing, nothing) is None
