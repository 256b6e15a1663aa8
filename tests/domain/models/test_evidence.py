"""Whoever promotes a set is told what its training found, and where nothing is known."""

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.evidence import REWEIGHED, evidence_of
from ml_service.domain.models.record import record_of
from ml_service.domain.models.set_document import signed_set
from tests.builders import NOW_MS
from tests.models import KEY, model_set, set_record


def test_the_verdict_of_its_training_and_all_doubts_are_told() -> None:
    provenance = {"verdict": "Skill: it gained.", "suspicions": ["rsi knows the next bar"]}

    record = record_of(signed_set(model_set(), provenance, KEY), NOW_MS)

    assert evidence_of(record) == ("Skill: it gained.", "Suspicious: rsi knows the next bar.")


def test_that_nothing_is_known_is_told() -> None:
    assert evidence_of(set_record()) == ("No test has told what it is worth.",)


def test_a_set_that_was_reweighed_names_the_one_that_was_tested() -> None:
    record = record_of(signed_set(model_set(), {REWEIGHED: {"from": "s-0"}}, KEY), NOW_MS)

    assert evidence_of(record) == ("Reweighed from set s-0: the training of that one told what its models are worth.",)


def test_a_side_that_always_says_the_same_is_told_with_what_it_says() -> None:
    models = model_set(falls=Calibration(-0.25, 0.0))

    assert evidence_of(set_record(models))[1:] == (
        "Later rows did not bear the models out: the chance that a sale pays is always 0.438.",
    )
