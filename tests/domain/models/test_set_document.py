"""A set comes back from its document as it was, or not at all."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.canonical import canonical
from ml_service.domain.models.set_document import provenance_of, read_set, set_document, signed_set
from ml_service.domain.models.signing import Signed
from ml_service.domain.models.slots import Place
from ml_service.errors import ModelRefused
from tests.models import KEY, model_set

FULL = model_set(
    member_ids=("m-1", "m-2", "m-3"),
    place=Place("BTCUSDT", "volatile"),
    weights={"*": (0.1, 0.2, 0.7), "volatile": (1 / 3, 1 / 3, 1 / 3)},
    rises=Calibration(-0.1234567890123456, 1e-17),
    rows_back=64,
    expires_at_ms=1_790_000_000_001,
)


def test_a_set_comes_back_from_its_document_bit_for_bit() -> None:
    signed = signed_set(FULL, {"weights": {"source": "log loss", "rows": 812}}, KEY).signed

    found = read_set(signed)

    assert found.models == FULL
    assert provenance_of(signed) == {"weights": {"source": "log loss", "rows": 812}}
    KEY.verify(found.signed)


def test_the_same_set_is_the_same_text() -> None:
    turned = replace(FULL, weights=dict(reversed(list(FULL.weights.items()))))

    assert set_document(FULL, {"a": 1, "b": 2}) == set_document(turned, {"b": 2, "a": 1})


def test_a_number_that_is_none_is_not_signed() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        signed_set(replace(FULL, distance_max=float("nan")), {}, KEY)


def altered(**changes: Any) -> str:
    document = json.loads(set_document(FULL, {}))
    for name, value in changes.items():
        if value is None:
            del document["models"][name]
        else:
            document["models"][name] = value
    return canonical(document)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected JSON"),
        ("[]", "expected the document of a set, found None"),
        (canonical({"document": "model"}), "expected the document of a set, found 'model'"),
        (canonical({"document": "set"}), "members"),
        (altered(graph_sha256=None), "graph_sha256"),
        (altered(surprise=1), "surprise"),
        (altered(members=[]), "expected at least one member"),
        (altered(weights={"*": [1.0]}), "expected 3, found 1"),
        (altered(weights={"*": [0.5, 0.5, 0.5]}), "add up to 1"),
        (altered(weights={"*": [-0.5, 0.5, 1.0]}), "add up to 1"),
        (altered(weights={"volatile": [0.2, 0.3, 0.5]}), "under \\*"),
        (altered(rows_back=0), "expected at least 1, found 0"),
        (altered(falls={"intercept": 0.0, "slope": -0.1}), "slopes of at least 0"),
    ],
)
def test_a_text_that_describes_no_set_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ModelRefused, match=complaint):
        read_set(Signed(text, ""))
