"""Who is asking, and whether they may. Access is denied unless the route's contract grants it."""

import hmac
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from ml_service.domain.keys import Principal, principal_of
from ml_service.errors import Forbidden, NotFound, Unauthenticated
from ml_service.web.call import Call
from ml_service.web.contracts import Contract
from ml_service.web.parts import Parts

NOT_FOUND = "not found"
"""One and the same sentence, whether the user exists or not."""

ADMIN = Principal("admin-key", "admin")
TRUSTED = Principal("trusted-network", "service")
DEVELOPMENT = Principal("development", "service")


def principal(call: Call, contract: Contract) -> Principal | None:
    """The caller; None when it shows no key and its address alone opens nothing."""
    environ = call.environ
    presented = environ.get("HTTP_X_ADMIN_KEY") or environ.get("HTTP_X_API_KEY")
    if presented is None:
        return by_address(call) if contract.scope != "public" else None
    parts = call.parts
    expected = parts.live.admin_key
    if expected is not None and hmac.compare_digest(presented.encode(), expected.encode()):
        return ADMIN
    found = principal_of(presented, parts.snapshot.view().keys, call.now_ms) or principal_of(
        presented, parts.live.seeded_keys, call.now_ms
    )
    if found is None and contract.scope == "public":
        # Probes are answered whatever key they show; it opens nothing.
        return None
    if found is None:
        raise Unauthenticated("this key is not valid: unknown, expired or revoked")
    return found


def by_address(call: Call) -> Principal | None:
    if is_forwarded(call):
        return None
    address, parts = call.environ.get("REMOTE_ADDR", ""), call.parts
    if parts.trusted and is_within(address, parts.trusted):
        return TRUSTED
    if parts.loopback_only and is_loopback(address) and not keys_exist(parts):
        return DEVELOPMENT
    return None


def is_forwarded(call: Call) -> bool:
    """Behind a proxy every caller has the proxy's address, so a forwarded request is never trusted for it."""
    return "HTTP_X_FORWARDED_FOR" in call.environ or "HTTP_FORWARDED" in call.environ


def is_near(call: Call) -> bool:
    """From this machine or a trusted network, and not through a proxy."""
    address = call.environ.get("REMOTE_ADDR", "")
    return not is_forwarded(call) and (is_loopback(address) or is_within(address, call.parts.trusted))


def keys_exist(parts: Parts) -> bool:
    return bool(parts.live.admin_key or parts.live.seeded_keys or parts.snapshot.view().keys)


@lru_cache(maxsize=1024)
def is_within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


NEEDED = {
    "service": "this route needs a service or an admin key",
    "cron": "this route needs a cron or the admin key",
    "admin": "this route needs the admin key",
    "metrics": "this route needs the admin key",
}


def authorize(contract: Contract, call: Call, user_id: str | None) -> None:
    if contract.scope == "public":
        return
    if contract.scope == "metrics" and is_near(call):
        return
    caller = call.caller
    if caller is None:
        raise Unauthenticated("this route needs a key in X-API-Key")
    if caller.scope == "admin":
        return
    if contract.scope in ("own", "own_or_cron"):
        if caller.scope != "cron":
            if user_id is not None:
                require_user(caller, user_id)
        elif contract.scope == "own":
            raise Forbidden("a cron key may only adapt")
    elif caller.scope != contract.scope:
        raise Forbidden(NEEDED[contract.scope])


def require_user(caller: Principal | None, user_id: str) -> None:
    if caller is None or not caller.may_act_for(user_id):
        raise NotFound(NOT_FOUND)


def require_admin(caller: Principal | None) -> None:
    if caller is None or caller.scope != "admin":
        raise Forbidden("this needs the admin key")
