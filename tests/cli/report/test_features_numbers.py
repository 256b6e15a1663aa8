"""Numbers as they are read: no minus before a zero, no zero for what is not known."""

import pytest

from ml_service.cli.report.features_numbers import brief, brief_signed, estimated, percent
from ml_service.domain.statistics.estimate import Estimate


@pytest.mark.parametrize(("value", "shown"), [(98_400.4, "98,400"), (-0.012345, "−0.0123"), (8.56e-5, "8.56e−05")])
def test_values_are_short(value: float, shown: str) -> None:
    assert brief(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, "+0.50"), (-0.5, "−0.50"), (-0.001, "0.00"), (0.001, "0.00"), (None, "not known")]
)
def test_a_sign_is_shown_where_there_is_one(value: float | None, shown: str) -> None:
    assert brief_signed(value) == shown


def test_an_interval_is_shown_where_it_is_known() -> None:
    assert estimated(Estimate(-0.001, -0.002, 0.0005), 1e4, 1) == "−10.0 (−20.0 to 5.0)"
    assert estimated(Estimate(0.5), 1.0, 2) == "0.50"
    assert estimated(None, 1.0, 2) == percent(None) == "not known"
