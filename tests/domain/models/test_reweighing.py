"""Reweighing: one step towards who proved better, and another calibration only where later rows bear it out."""

from dataclasses import replace
from math import log

import pytest

from ml_service.domain.models.calibration import Calibration, log_odds, squashed
from ml_service.domain.models.report.resolved import Resolved
from ml_service.domain.models.reweighing import Reweighed, evidence_document, reweighed
from ml_service.domain.models.sets import Member, ModelSet
from tests.builders import NOW_MS
from tests.domain.models.report.rows import GOOD, HOUR_MS, INVERTED, USELESS, spoken
from tests.models import model_set

EQUAL = (1 / 3,) * 3
MEMBERS = tuple(Member(f"m-{name.model_type}", name.model_type, 1) for name in (GOOD, USELESS, INVERTED))


def equal() -> ModelSet:
    return model_set(member_ids=("", "", ""), members=MEMBERS, weights={"*": EQUAL, "trending": EQUAL})


def moved(before: ModelSet, rows: list[Resolved]) -> Reweighed:
    found = reweighed(before, rows)
    assert isinstance(found, Reweighed), found
    return found


def test_who_proved_better_has_more_to_say_and_nobody_moves_by_more_than_a_fifth() -> None:
    found = moved(equal(), spoken(600)).models

    for weights in found.weights.values():
        good, useless, inverted = weights
        # Beside one that is always wrong, who knows nothing is better than most.
        assert good == useless > inverted
        assert sum(weights) == pytest.approx(1.0)
        assert max(weights) / min(weights) <= 1.2 / 0.8 + 1e-9
    assert (found.set_id, found.version, found.graph_sha256) == ("", 0, equal().graph_sha256)


def test_the_same_evidence_makes_the_same_set() -> None:
    assert moved(equal(), spoken(600)) == moved(equal(), spoken(600)[::-1])


def test_too_little_is_refused_with_the_numbers() -> None:
    told = reweighed(equal(), spoken(150))

    assert isinstance(told, str)
    assert "at least 200 episodes" in told
    assert "found 150 episodes in 150 resolved predictions" in told


def only_good() -> ModelSet:
    """What it says goes out as it is."""
    return model_set(
        member_ids=("",), members=MEMBERS[:1], weights={"*": (1.0,)}, rises=Calibration(), falls=Calibration()
    )


def exaggerating(count: int, by: float) -> list[Resolved]:
    rows = [replace(one, members=one.members[:1]) for one in spoken(count)]
    return [
        replace(one, members=(one.members[0]._replace(probability=squashed(by * log_odds(one.members[0][2] or 0.5))),))
        for one in rows
    ]


def test_a_calibration_that_holds_stays_as_it_was() -> None:
    found = moved(only_good(), exaggerating(2_000, 1.0))

    assert found.recalibrated == ()
    assert (found.models.rises, found.models.falls) == (only_good().rises, only_good().falls)


def test_one_that_does_not_is_fitted_anew_for_the_side_that_has_the_rows() -> None:
    found = moved(only_good(), exaggerating(2_000, 3.0))

    assert found.recalibrated == ("BUY",)
    assert found.models.rises.slope == pytest.approx(1 / 3, abs=0.05)
    assert found.models.falls == only_good().falls


def test_few_rows_calibrate_nothing_however_wrong_it_is() -> None:
    assert moved(only_good(), exaggerating(399, 3.0)).recalibrated == ()


def test_the_evidence_names_the_set_the_window_and_what_each_member_cost() -> None:
    told = evidence_document(moved(equal(), spoken(600)), "s-1", ["s-1"], NOW_MS, NOW_MS + 601 * HOUR_MS)

    assert (told["from"], told["predictions"], told["episodes"]) == ("s-1", 600, 600)
    assert [(one["model_type"], one["episodes"]) for one in told["members"]] == [
        ("xgboost", 600),
        ("forest", 600),
        ("logistic", 600),
    ]
    costs = [one["log_loss"]["value"] for one in told["members"]]
    assert costs[0] < costs[1] < costs[2]
    assert costs[1] == pytest.approx(log(2.0), abs=0.02)
    assert told["weighing"]["*"]["before"] == EQUAL
