"""Whether the service may start like this: reachable from outside only with keys or a trusted network."""

from ipaddress import ip_address

from ml_service.domain.adaptation import immovable
from ml_service.errors import FieldError
from ml_service.settings.model import Settings

REMEDY = (
    "set ML_SERVICE_ADMIN_KEY, name a file of keys in ML_SERVICE_API_KEYS_FILE,"
    " or name the network of the callers in ML_SERVICE_TRUSTED_NETWORK"
)

SERIOUS = ("production", "staging")

PLACEHOLDER = "change-me"
"""How the key of an example file begins. Everybody knows it, so it counts as none."""

ADMIN_KEY_CHARACTERS_MIN = 16
"""Shorter ones can be guessed by whoever may try as often as they like."""


def unsafe_start(settings: Settings, seeded_keys: int) -> tuple[FieldError, ...]:
    """Every reason why this start would let strangers in; empty when it would not."""
    if seeded_keys > 0 or has_admin_key(settings) or settings.security.trusted_network:
        return weak_admin_key(settings)
    complaints = []
    if not is_loopback(settings.server.host):
        complaints.append(
            FieldError(
                "server.host (HOST)",
                f"{settings.server.host} can be reached from outside, and nobody would need a key:"
                f" {REMEDY}; or bind 127.0.0.1",
            )
        )
    if settings.environment in SERIOUS:
        complaints.append(
            FieldError(
                "environment (ENVIRONMENT)",
                f"{settings.environment} does not start while nobody would need a key: {REMEDY}",
            )
        )
    return tuple(complaints)


def weak_admin_key(settings: Settings) -> tuple[FieldError, ...]:
    """On a desk a short key will do; where others come by it is as good as none."""
    key = settings.security.admin_key
    if key is None or not has_admin_key(settings) or len(key.get_secret_value()) >= ADMIN_KEY_CHARACTERS_MIN:
        return ()
    if is_loopback(settings.server.host) and settings.environment not in SERIOUS:
        return ()
    message = (
        f"expected at least {ADMIN_KEY_CHARACTERS_MIN} characters under ENVIRONMENT={settings.environment} on"
        f" {settings.server.host}, found {len(key.get_secret_value())}: whoever guesses this key may do everything"
    )
    return (FieldError("security.admin_key (ML_SERVICE_ADMIN_KEY)", message),)


def check(settings: Settings, seeded_keys: int | None = None) -> tuple[FieldError, ...]:
    """All that speaks against these settings. Without a count, a named file of keys is taken to hold one."""
    if seeded_keys is None:
        seeded_keys = 0 if settings.security.api_keys_file is None else 1
    return (
        *unsafe_start(settings, seeded_keys),
        *immovable(settings.adaptation_policy, settings.gate_policy),
    )


def has_admin_key(settings: Settings) -> bool:
    key = settings.security.admin_key
    return key is not None and not key.get_secret_value().startswith(PLACEHOLDER)


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
