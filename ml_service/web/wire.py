"""How values look on the wire: times, symbols, ids, the answer's envelope."""

import datetime
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SYMBOL_FORM = re.compile(r"[A-Z0-9.]{1,40}|\*")
USER_FORM = re.compile(r"(?!\*$)[!-.0-~]{1,128}")
"""Printable ASCII without blanks and slashes; a lone star means everybody elsewhere."""
ID_FORM = re.compile(r"[!-.0-~]{1,128}")
TRADE_FORM = re.compile(r"[ -~]{1,128}")
"""The bot's own ids: whatever can be printed, blanks and slashes too."""
SEPARATORS = str.maketrans("", "", "/-_:")

JSON = "application/json"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
TIME_MS_MIN = -62_135_596_800_000
"""The beginning of the year 1; what is reckoned back from a time ends here."""
TIME_MS_MAX = 221_845_392_000_000
"""The year 9000. Times after 9999 cannot be written down, and some are reckoned from this one."""


@lru_cache(maxsize=4096)
def symbol_of(text: str) -> str:
    symbol = text.upper().translate(SEPARATORS)
    if not SYMBOL_FORM.fullmatch(symbol):
        raise ValueError("expected letters and digits such as BTCUSDT")
    return symbol


def user_of(text: str) -> str:
    if not USER_FORM.fullmatch(text):
        raise ValueError("expected 1 to 128 printable ASCII characters without blanks and slashes")
    return text


def id_of(text: str) -> str:
    if not ID_FORM.fullmatch(text):
        raise ValueError("expected 1 to 128 printable ASCII characters without blanks and slashes")
    return text


def trade_of(text: str) -> str:
    if not TRADE_FORM.fullmatch(text):
        raise ValueError("expected 1 to 128 printable ASCII characters")
    return text


def time_of(text: object) -> int:
    """Milliseconds from an ISO-8601 time that says its zone."""
    if not isinstance(text, str):
        raise ValueError("expected a time such as 2026-01-31T12:00:00Z")
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a time such as 2026-01-31T12:00:00Z") from None
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone, such as 2026-01-31T12:00:00Z")
    try:
        # In UTC first: the last hours of the year 9999 in the west are past its end here, and cannot be written down.
        return (at.astimezone(datetime.UTC) - EPOCH) // datetime.timedelta(milliseconds=1)
    except OverflowError:
        raise ValueError("expected a time between the years 1 and 9999") from None


@lru_cache(maxsize=256)
def iso(at_ms: int) -> str:
    at = EPOCH + datetime.timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def date(day: int) -> str:
    """Of a day counted from 1970-01-01."""
    return (EPOCH + datetime.timedelta(days=day)).date().isoformat()


class Answer(Response):
    """An answer that is complete in memory."""

    def get_app_iter(self, environ: "WSGIEnvironment") -> Iterable[bytes]:
        """A plain list where nothing is to be closed: Granian sends that in one step, without giving the
        interpreter away for each chunk of a stream."""
        if environ["REQUEST_METHOD"] == "HEAD" or self._on_close or not isinstance(self.response, list):
            return super().get_app_iter(environ)
        return self.response


def ok(data: Any, status: int = 200) -> Answer:
    return Answer(orjson.dumps({"success": True, "data": data}), status=status, content_type=JSON)
