"""One request on its way through: who asks, when, what came with it, and what is told of it afterwards."""

import math
import re
import time
from collections.abc import Mapping
from typing import Any

import orjson
from flask import g

from ml_service.domain.keys import Principal
from ml_service.errors import InvalidInput, UnsupportedMedia
from ml_service.usecases.evaluate import Clock
from ml_service.web.contracts import LaneName
from ml_service.web.parts import Parts

WAY_BACK_MS = 2.0
"""Of the caller's deadline, this much is for the answer to travel."""
WHOLE = re.compile(r"\d{1,15}")


class Call:
    """Made once per request, so that the hot route looks each thing up once."""

    __slots__ = (
        "began",
        "body",
        "caller",
        "claimed",
        "environ",
        "lane",
        "log",
        "now_ms",
        "parts",
        "request_id",
        "shed",
    )

    def __init__(self, parts: Parts, environ: Mapping[str, Any], request_id: str) -> None:
        self.parts = parts
        self.environ = environ
        self.request_id = request_id
        self.began = time.perf_counter()
        self.now_ms = 0
        self.caller: Principal | None = None
        self.body = b""
        self.lane: LaneName | None = None
        self.shed = False
        self.claimed: tuple[str, str] | None = None
        self.log: dict[str, Any] = {}

    @property
    def actor(self) -> str:
        return self.caller.name if self.caller is not None else "nobody"

    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def clock(self) -> Clock:
        return Clock(self.now_ms, lambda: int(self.seconds() * 1_000_000), self.remaining_ms)

    def remaining_ms(self, most_ms: float = math.inf) -> float:
        """How long this request may still wait: less where the caller set a deadline."""
        given = self.environ.get("HTTP_X_REQUEST_DEADLINE_MS")
        if given is None or not WHOLE.fullmatch(given):
            return most_ms
        return max(0.0, min(most_ms, int(given) - self.seconds() * 1000 - WAY_BACK_MS))

    # ---- the body

    def json_object(self) -> dict[str, Any]:
        value = self.json()
        if not isinstance(value, dict):
            raise InvalidInput.at("body", "expected a JSON object")
        return value

    def json_object_or_nothing(self) -> dict[str, Any]:
        """For routes whose body may be left out."""
        return self.json_object() if self.body.strip() else {}

    def json(self) -> Any:
        media = self.environ.get("CONTENT_TYPE") or ""
        if media != "application/json" and not is_json(media):
            raise UnsupportedMedia(f'expected Content-Type application/json, found "{media[:80]}"')
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise InvalidInput.at("body", f"expected JSON: {error}") from None


def current() -> Call:
    call: Call = g.call
    return call


def is_json(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
