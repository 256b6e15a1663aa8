"""Findings: no more is called good than the intervals bear out."""

from dataclasses import replace

import pytest

from ml_service.cli.report.features_findings import findings, how_far, how_straight, side_of
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.market.regime_report import RegimeReport, regime_report
from ml_service.domain.statistics.estimate import Estimate
from tests.domain.market.walks import moody, walk


@pytest.fixture(scope="module")
def report() -> RegimeReport:
    candles = moody(6_000)
    return regime_report(candles, regimes_of(candles))


@pytest.mark.parametrize(
    ("estimate", "side"),
    [
        (Estimate(1.5, 1.2, 1.8), 1),
        (Estimate(0.5, 0.3, 0.7), -1),
        (Estimate(1.1, 1.01, 1.19), 0),  # clear of 1 alone, but not among twelve
        (Estimate(1.0, 0.9, 1.1), 0),
        (Estimate(2.0), None),
        (None, None),
    ],
)
def test_a_side_is_taken_only_where_it_would_stand_among_twelve(estimate: Estimate | None, side: int | None) -> None:
    assert side_of(estimate, 1.0) == side


@pytest.mark.parametrize(
    ("ratio", "far", "straight"),
    [
        (Estimate(1.5, 1.4, 1.6), "wider stops", "worth a try for following"),
        (Estimate(0.5, 0.4, 0.6), "tighter stops", "no good for following them"),
        (Estimate(1.0, 0.9, 1.1), "no reason to change", "nor for betting against"),
        (None, "too few", "too few"),
    ],
)
def test_it_says_what_a_regime_is_good_for_and_what_not(
    report: RegimeReport, ratio: Estimate | None, far: str, straight: str
) -> None:
    one = report.figures[0]
    one = replace(one, ahead=replace(one.ahead, size_ratio=ratio, efficiency_ratio=ratio))

    assert far in how_far(one, 12)
    assert straight in how_straight(one, 12)


def test_a_drift_meanwhile_is_no_forecast(report: RegimeReport) -> None:
    rising = replace(report.figures[0].inside, mean=Estimate(0.001, 0.0008, 0.0012))
    figures = (replace(report.figures[0], inside=rising), *report.figures[1:])

    told = " ".join(findings(replace(report, figures=figures), 12))

    assert "rose by 10.00 basis points a bar" in told
    assert "no forecast" in told


def test_few_bars_say_that_they_are_few() -> None:
    candles = walk(300)

    assert list(findings(regime_report(candles, regimes_of(candles)), 12)) == [
        "300 bars are too few to tell a regime after any of them."
    ]


def test_flicker_and_broken_words_are_said(report: RegimeReport) -> None:
    flickering = replace(report, stays=replace(report.stays, short=0.4))
    broken = replace(report, confidence=tuple(replace(span, kept=0.0) for span in report.confidence))

    assert "it flickers here" in " ".join(findings(flickering, 12))
    assert "not to be read as a chance" in " ".join(findings(broken, 12))
