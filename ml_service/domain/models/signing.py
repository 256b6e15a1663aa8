"""Signed documents: who wrote this, and is it still what was written?"""

import hashlib
import hmac
from dataclasses import dataclass, field

from ml_service.errors import ModelRefused

NAME_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Signed:
    text: str
    """Canonical JSON, byte for byte as it was signed."""
    signature: str
    """The name of the key, a colon, HMAC-SHA256 in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Tells keys apart, and nothing of their secret."""
        return self._digest("name")[:NAME_LETTERS]

    def sign(self, text: str) -> Signed:
        return Signed(text, f"{self.name}:{self._digest(f'document:{text}')}")

    def verify(self, signed: Signed) -> None:
        """`ModelRefused` where another key signed it, or it was changed afterwards."""
        name = signed.signature.partition(":")[0]
        if not hmac.compare_digest(name.encode(), self.name.encode()):
            raise ModelRefused(f"expected the signature of key {self.name}, found that of {name[:NAME_LETTERS]!r}")
        if not hmac.compare_digest(signed.signature.encode(), self.sign(signed.text).signature.encode()):
            raise ModelRefused("the document was changed after it was signed")

    def _digest(self, message: str) -> str:
        return hmac.new(self.secret, message.encode(), hashlib.sha256).hexdigest()
