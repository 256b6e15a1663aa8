"""Kept studies: a journal that was cut off is read up to there, and the search makes the rest again."""

from pathlib import Path

import pytest

from ml_service.cli.training.studies import KeptStudies
from ml_service.learning.search import Found, search
from tests.learning.planted import LineTrainer, dataset, plan

KNOWN = dataset(4_000, strength=0.5)
TRIALS = 3


def searched(place: Path) -> Found:
    study = KeptStudies(place).study("line")
    return search(KNOWN, plan(), LineTrainer(), TRIALS, study, lambda *_: None)


@pytest.mark.parametrize("left", [-1, -20, -60, 10, 0])
def test_what_a_full_disk_cut_off_is_made_again(tmp_path: Path, left: int) -> None:
    place = tmp_path / "trials.journal"
    found = searched(place)
    place.write_bytes(place.read_bytes()[:left])

    # Once to mend it, and once more to read what was added.
    assert searched(place) == found
    assert searched(place) == found


def test_zeros_that_a_power_cut_left_are_no_trial(tmp_path: Path) -> None:
    place = tmp_path / "trials.journal"
    found = searched(place)
    whole = place.read_bytes()
    place.write_bytes(whole + bytes(100))

    assert searched(place) == found
    assert place.read_bytes().startswith(whole)
    assert bytes(1) not in place.read_bytes()
