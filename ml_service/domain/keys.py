"""Keys and what they open. A key reads `mls_<id>_<secret>`; only the secret's SHA-256 is kept."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

KeyScope = Literal["user", "service", "cron", "admin"]
KEY_SCOPES: tuple[KeyScope, ...] = ("user", "service", "cron", "admin")

PREFIX = "mls_"
TOKEN_LENGTH_MAX = 400
LIVE_KEYS_PER_USER_MAX = 2
"""Two, so that a key can be replaced without a gap."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    sha256: str
    scope: KeyScope
    users: tuple[str, ...] | None
    """The users it may act for; None means every user (never for scope `user`)."""
    name: str = ""
    created_at_ms: int = 0
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None

    def is_live(self, now_ms: int) -> bool:
        return self.revoked_at_ms is None and (self.expires_at_ms is None or now_ms < self.expires_at_ms)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking."""

    name: str
    scope: KeyScope
    users: tuple[str, ...] | None = None

    def may_act_for(self, user_id: str) -> bool:
        if self.scope == "admin":
            return True
        if self.scope == "cron":
            return False
        return self.users is None or user_id in self.users


def secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def token(key_id: str, secret: str) -> str:
    return f"{PREFIX}{key_id}_{secret}"


def principal_of(presented: str, keys: Mapping[str, ApiKey], now_ms: int) -> Principal | None:
    """The live key behind a token; None when there is none, for whatever reason."""
    if not presented.startswith(PREFIX) or len(presented) > TOKEN_LENGTH_MAX:
        return None
    body = presented[len(PREFIX) :]
    # Ids of seeded keys may hold underscores themselves, so every cut is tried.
    cut = body.find("_")
    while cut != -1:
        key = keys.get(body[:cut])
        if key is not None and hmac.compare_digest(secret_hash(body[cut + 1 :]), key.sha256):
            return Principal(f"key:{key.id}", key.scope, key.users) if key.is_live(now_ms) else None
        cut = body.find("_", cut + 1)
    return None
