"""A signature is worth something for the very text it was made for, and from the very key."""

import pytest

from ml_service.domain.models.signing import Signed
from ml_service.errors import ModelRefused
from tests.models import FOREIGN_KEY, KEY

TEXT = '{"document":"model","gewicht":"ä"}'


def test_a_document_is_verified_with_the_key_that_signed_it() -> None:
    KEY.verify(KEY.sign(TEXT))


def test_every_changed_letter_is_found() -> None:
    signed = KEY.sign(TEXT)

    for place in range(len(TEXT)):
        changed = TEXT[:place] + "#" + TEXT[place + 1 :]
        with pytest.raises(ModelRefused, match="changed after it was signed"):
            KEY.verify(Signed(changed, signed.signature))


def test_another_keys_signature_is_refused_by_its_name() -> None:
    with pytest.raises(ModelRefused, match=f"expected the signature of key {KEY.name}, found that of"):
        KEY.verify(FOREIGN_KEY.sign(TEXT))


def test_a_foreign_signature_under_our_name_is_refused() -> None:
    digits = FOREIGN_KEY.sign(TEXT).signature.partition(":")[2]

    with pytest.raises(ModelRefused, match="changed after it was signed"):
        KEY.verify(Signed(TEXT, f"{KEY.name}:{digits}"))


@pytest.mark.parametrize("signature", ["", ":", "ä:ö", "null"])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(ModelRefused):
        KEY.verify(Signed(TEXT, signature))


def test_the_name_of_a_key_is_no_signature_of_anything() -> None:
    with pytest.raises(ModelRefused):
        KEY.verify(Signed("", f"{KEY.name}:{KEY.sign('name').signature}"))


def test_a_key_does_not_show_its_secret() -> None:
    assert "a key for tests" not in repr(KEY)
    assert "a key for tests" not in KEY.name
