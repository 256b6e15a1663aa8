"""Charts: axes end on ticks, a step goes along before it goes up, and nothing foreign gets into the picture."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.cli.report.charts import DAY_MS, Curve, Point, chart, rounded, short


def test_a_step_holds_until_the_next_one() -> None:
    drawn = chart("a", "R", [Curve("b", [Point(0, 0.0), Point(DAY_MS, 1.0)])], stepped=True)

    assert 'd="M70.0 226.0H844.0V14.0"' in drawn


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=5))
def test_every_value_lies_within_its_axis(values: list[float]) -> None:
    axis = rounded(min(values), max(values))

    # A value next to zero is less than a hair, not less than an axis that begins there.
    hair = 1e-9 * axis.step
    assert axis.low - hair <= min(values)
    assert max(values) <= axis.high + hair
    assert 1 <= round((axis.high - axis.low) / axis.step) <= 8


@pytest.mark.parametrize(
    ("value", "step", "shown"),
    [
        (0.65, 0.05, "0.65"),
        (-20.0, 10.0, "−20"),
        (1e9, 5e8, "1 bn"),
        (2.5e6, 5e5, "2.5 m"),
        (200.0, 200.0, "200"),
        (1e-17, 0.1, "0"),
    ],
)
def test_labels_are_short(value: float, step: float, shown: str) -> None:
    assert short(value, step) == shown


def test_what_comes_from_elsewhere_is_escaped() -> None:
    evil = '</title><script>alert("1")</script>&'
    drawn = chart(evil, evil, [Curve(evil, [Point(0, 1.0, evil), Point(1, 1.0)])] * 8)

    assert "<script" not in drawn
    texts = [element.text for element in ElementTree.fromstring(drawn).iter("title")]
    assert texts == [evil] * 8
