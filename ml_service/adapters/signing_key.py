"""The key that model documents are signed with: given in the environment, else made at the first start."""

import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

from ml_service.domain.models.signing import SigningKey
from ml_service.durable import create_file
from ml_service.errors import FieldError, Misconfigured

FILE = "signing.key"
WHERE = "security.signing_key (ML_SERVICE_SIGNING_KEY)"
SECRET_BYTES = 32
CHARACTERS_MIN = 16
"""Shorter ones can be guessed by whoever has a signed document."""


def load_signing_key(data_dir: Path, given: SecretStr | None) -> SigningKey:
    """The same for every process of this host. `Misconfigured` where it is too short, or not a secret."""
    if given is not None:
        return SigningKey(long_enough(given.get_secret_value().encode(), "the setting"))
    path = data_dir / FILE
    if not path.exists():
        make_key(path)
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes()
    except OSError as error:
        raise Misconfigured((FieldError(WHERE, f"{path} cannot be read: {error.strerror}"),)) from None
    if stat.S_IMODE(mode) & 0o077:
        message = f"expected {path} to be readable by its owner alone, found mode {stat.S_IMODE(mode):04o}"
        raise Misconfigured((FieldError(WHERE, message),))
    return SigningKey(long_enough(secret, str(path)))


def make_key(path: Path) -> None:
    """Of processes that start at the same moment, one makes it and the others read it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What it signs is worth nothing once a power cut has taken its name away.
        create_file(path, secrets.token_hex(SECRET_BYTES).encode())
    except OSError as error:
        raise Misconfigured((FieldError(WHERE, f"{path} cannot be written: {error.strerror}"),)) from None


def long_enough(secret: bytes, where: str) -> bytes:
    if len(secret) < CHARACTERS_MIN:
        message = f"expected at least {CHARACTERS_MIN} characters in {where}, found {len(secret)}"
        raise Misconfigured((FieldError(WHERE, message),))
    return secret
