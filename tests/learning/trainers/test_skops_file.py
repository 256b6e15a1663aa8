"""skops files hold no code, and nothing that a run leaves behind."""

import io
import zipfile
from datetime import date
from fractions import Fraction

import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier

from ml_service.errors import ModelRefused
from ml_service.features.schema import SCHEMA
from ml_service.learning.trainers import skops_file
from ml_service.learning.trainers.header import Header
from ml_service.learning.trainers.preparation import preparation_of
from ml_service.learning.trainers.skops_file import packed, unpacked
from tests.learning.examples import planted

KNOWN = planted(200)
HEADER = Header("tree", SCHEMA, 1, {"depth": 2}, 0, "cpu", 1, preparation_of(KNOWN.rows))


def tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=2, random_state=0).fit(KNOWN.rows, KNOWN.rose)


def test_what_was_packed_comes_back() -> None:
    header, estimator = unpacked(packed(HEADER, tree()), "tree")

    assert header == HEADER
    assert (estimator.predict(KNOWN.rows) == tree().predict(KNOWN.rows)).all()


def test_equal_estimators_make_equal_files_that_know_no_time() -> None:
    file = packed(HEADER, tree())

    assert packed(*unpacked(file, "tree")) == file
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert {date(*member.date_time[:3]) for member in archive.infolist()} == {date(1980, 1, 1)}


def test_a_type_that_is_not_on_the_list_is_refused_by_name() -> None:
    file = skops.io.dumps({"header": HEADER.written(), "estimator": Fraction(1, 2)})

    with pytest.raises(ModelRefused, match=r"fractions\.Fraction"):
        unpacked(file, "tree")


def test_a_file_that_grows_beyond_all_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skops_file, "UNPACKED_BYTES_MAX", 1_000)
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(1_001))

    with pytest.raises(ModelRefused, match="at most 1000 bytes, found 1001"):
        unpacked(told.getvalue(), "tree")


def test_another_models_file_is_refused_by_name() -> None:
    with pytest.raises(ModelRefused, match="expected the file of a forest model, found one of tree"):
        unpacked(packed(HEADER, tree()), "forest")
