"""The report of a set and of one model: members whose worth is known are told apart."""

from dataclasses import replace

import pytest

from ml_service.domain.models.report.report import ModelReport, model_report
from tests.domain.models.report.rows import GOOD, INVERTED, USELESS, spoken

EQUAL = {"*": (1 / 3,) * 3, "trending": (1 / 3,) * 3, "volatile": (1 / 3,) * 3}


def codes(report: ModelReport) -> list[str]:
    return [one.code for one in report.recommendations]


def texts(report: ModelReport) -> str:
    return "\n".join(one.text for one in report.recommendations)


def test_members_are_told_apart_by_what_really_happened() -> None:
    report = model_report(spoken(600), weights=EQUAL)

    good, useless, inverted = report.members
    assert [one.name for one in report.members] == [GOOD, USELESS, INVERTED]
    assert [one.weight for one in report.members] == [0.5, 0.25, 0.25]
    assert good.standing is not None
    assert good.standing.score.log_loss_gain.low is not None
    assert good.standing.score.log_loss_gain.low > 0.0
    assert useless.standing is not None
    assert useless.standing.score.log_loss_gain.value == pytest.approx(0.0, abs=1e-9)
    assert inverted.standing is not None
    assert inverted.standing.score.log_loss_gain.high is not None
    assert inverted.standing.score.log_loss_gain.high < 0.0
    assert codes(report) == ["member_without_skill", "wrong_way"]
    assert "forest v1 has no evidence of skill over 600 resolved predictions: leave it out" in texts(report)
    assert "logistic v1 points the wrong way" in texts(report)


def test_weights_would_go_to_who_has_skill_and_say_by_which_rows() -> None:
    report = model_report(spoken(600), weights=EQUAL)

    assert report.proposal is not None
    for regime, source, rows in (
        ("*", "moved", 600),
        ("trending", "moved", 600),
        ("volatile", "moved_by_all_rows", 600),
    ):
        step = report.proposal[regime]
        assert (step.source, step.rows, step.before) == (source, rows, EQUAL[regime])
        assert step.after[0] > step.before[0]
        assert step.after[2] < step.before[2]
        assert sum(step.after) == pytest.approx(1.0)


def test_nothing_is_proposed_of_few_rows_or_of_weights_nobody_knows() -> None:
    assert model_report(spoken(150), weights=EQUAL).proposal is None
    assert model_report(spoken(600)).proposal is None
    assert model_report(spoken(600), weights={"*": (1.0,)}).proposal is None


def test_before_a_hundred_episodes_it_says_to_wait_and_nothing_else() -> None:
    report = model_report(spoken(99))

    assert codes(report) == ["wait"]
    assert "expected at least 100 resolved predictions, found 99" in texts(report)


def test_a_set_that_exaggerates_is_to_be_calibrated_again() -> None:
    rows = [replace(one, members=(), probability=0.99 if one.probability > 0.5 else 0.01) for one in spoken(600)]

    report = model_report(rows)

    assert codes(report) == ["worse_than_base_rate", "calibrate"]
    assert report.members == ()


def test_a_set_that_knows_nothing_has_no_evidence_of_skill() -> None:
    rows = spoken(600)
    share = sum(one.paid for one in rows) / len(rows)

    assert codes(model_report([replace(one, members=(), probability=share) for one in rows])) == ["no_skill"]


def test_one_model_is_told_alone() -> None:
    report = model_report(spoken(200), only=INVERTED, weights=EQUAL)

    assert (report.whole, report.proposal, [one.name for one in report.members]) == (None, None, [INVERTED])
    assert codes(report) == ["wrong_way"]


def test_a_member_that_never_spoke_has_no_figures() -> None:
    silent = [replace(one, members=tuple(m._replace(probability=None) for m in one.members)) for one in spoken(120)]

    report = model_report(silent)

    assert [(one.weight, one.standing) for one in report.members] == [(None, None)] * 3


def test_silence_is_told_with_its_remedy() -> None:
    statuses = {"ok": 700, "not_asked": 5_000, "stale_features": 250, "none": 50}

    report = model_report(spoken(120), statuses=statuses)

    (found,) = [one for one in report.recommendations if one.code == "silent"]
    assert found.text == "no forecast in 250 of 1000 decisions, since stale_features: send candles in time"
    assert report.statuses == statuses


def test_of_nothing_there_is_nothing_to_tell() -> None:
    report = model_report([], members=[GOOD], weights={"*": (1.0,)})

    assert (report.predictions, report.episodes, report.first_at_ms, report.percent) == (0, 0, None, None)
    assert (report.whole, report.proposal, report.members[0].standing) == (None, None, None)
    assert codes(report) == ["wait"]


def test_a_regime_has_one_name_and_results_a_mean() -> None:
    rows = [replace(one, regime="ranging", taken=False) for one in spoken(120)]

    report = model_report(rows)

    assert report.whole is not None
    assert list(report.whole.by_regime) == ["sideways"]
    assert report.marked_to_market == 120
    assert report.percent is not None
    assert report.percent.value == pytest.approx(sum(1.0 if one.paid else -1.0 for one in rows) / 120)
