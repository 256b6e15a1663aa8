"""Charts: axes end on ticks, a step goes along before it goes up, and nothing foreign gets into the picture."""

import datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.cli.report.charts import (
    DAY_MS,
    HOUR_MS,
    WIDTH,
    Curve,
    Point,
    anchored,
    chart,
    rounded,
    short,
    time_ticks,
    utc,
)


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


@pytest.mark.parametrize(
    ("first", "last", "form", "shown"),
    [
        ("2024-05-01T10:00", "2024-05-01T10:20", "%H:%M", ["10:00", "10:05", "10:10", "10:15", "10:20"]),
        ("2024-01-20T00:00", "2024-06-20T00:00", "%d %b", ["01 Feb", "01 Mar", "01 Apr", "01 May", "01 Jun"]),
        ("2017-08-17T04:00", "2025-03-31T00:00", "%d %b %Y", [f"01 Jan {year}" for year in (2018, 2020, 2022, 2024)]),
    ],
)
def test_moments_are_round_in_minutes_months_and_years(first: str, last: str, form: str, shown: list[str]) -> None:
    low, high = (datetime.datetime.fromisoformat(f"{at}+00:00").timestamp() * 1000 for at in (first, last))

    moments, _ = time_ticks(low, high)

    assert [utc(at_ms).strftime(form) for at_ms in moments] == shown


@given(st.integers(0, 2_000_000_000_000), st.integers(HOUR_MS, 4_000 * DAY_MS))
def test_every_moment_lies_within_the_picture_and_there_are_few(low: int, span: int) -> None:
    moments, _ = time_ticks(low, low + span)

    assert all(low <= at_ms <= low + span for at_ms in moments)
    assert 1 <= len(moments) <= 8


def test_a_label_at_the_end_stays_within_the_picture() -> None:
    assert anchored(WIDTH - 16.0) == f'x="{WIDTH}" text-anchor="end"'
    assert anchored(WIDTH - 60.0) == f'x="{WIDTH - 60.0}" text-anchor="middle"'
