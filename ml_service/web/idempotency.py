"""Idempotency-Key: a request that is sent twice is done once, and both hear the same answer."""

import hashlib
import re

from flask import Request, Response

from ml_service.errors import Conflict, InvalidInput, KeyReused, Unavailable
from ml_service.web.call import Call

FORM = re.compile(r"[!-~]{1,200}")


def claim(call: Call, request: Request, shows_secret: bool) -> Response | None:
    """The earlier answer, if there is one; otherwise the key is ours until the answer is kept."""
    key = call.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if shows_secret:
        raise InvalidInput.at("Idempotency-Key", "not possible here: the answer holds a secret and is not kept")
    if not FORM.fullmatch(key):
        raise InvalidInput.at("Idempotency-Key", "expected 1 to 200 printable characters without blanks")
    # Callers without keys of their own share a name, and one caller may act for many users: each address has its keys.
    key = f"{request.method} {request.path} {key}"
    try:
        found = call.parts.idempotency.claim(call.actor, key, hashlib.sha256(call.body).hexdigest(), call.now_ms)
    except Unavailable:
        # Outcomes repeat safely by their trade_id; the rest needs the database anyway and will say so.
        return None
    match found.state:
        case "other":
            raise KeyReused("this Idempotency-Key stands for another body")
        case "under_way":
            raise Conflict("the request with this Idempotency-Key is still under way", "request_in_flight")
        case "answered":
            media = "application/json" if found.status < 400 else "application/problem+json"
            return Response(found.answer, found.status, content_type=media)
    call.claimed = (call.actor, key)
    return None


def keep_answer(call: Call, response: Response) -> None:
    assert call.claimed is not None
    try:
        if response.status_code < 500:
            call.parts.idempotency.keep(*call.claimed, response.status_code, response.get_data())
        else:
            call.parts.idempotency.release(*call.claimed)
    except Unavailable:
        # The claim runs out by itself; until then a repeat hears that the request is under way.
        return
