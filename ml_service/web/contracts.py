"""What every route declares about itself: who may call it, which lane it runs in, what goes in and out.

A route without a contract does not start (see factory.py): access is denied unless it was granted in writing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

RouteScope = Literal["public", "metrics", "own", "own_or_cron", "cron", "service", "admin"]
"""public: anybody; metrics: trusted addresses, else admin; own: the user's key, or a service for that user;
own_or_cron: a cron key besides, for any user; cron: cron or admin; service: service or admin; admin: admin alone."""

LaneName = Literal["free", "decide", "store", "record", "slow", "shed"]

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Contract:
    scope: RouteScope
    lane: LaneName
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: str = "What the caller asked for."
    body_limit: Literal["normal", "batch"] = "normal"
    success: int = 200
    media: str = "application/json"
    raw: bool = False
    """The answer stands alone, outside the envelope."""

    other_media: tuple[str, ...] = ()
    """What the caller can have in place of it, by asking."""

    in_parts: bool = False
    """A Range of it can be asked for, where it is a finished file."""

    shows_secret: bool = False
    """The answer holds a secret, so it must not be kept for repeats."""

    @property
    def remembered(self) -> bool:
        """Whether an Idempotency-Key is understood; evaluate has its decision ids instead."""
        return self.lane != "decide" and self.scope != "public"

    @property
    def rate_limited(self) -> bool:
        # A known bot is never answered 429 on evaluate: it would trade unfiltered.
        return self.scope not in ("public", "metrics") and self.lane != "decide"


def contract(
    scope: RouteScope,
    lane: LaneName = "store",
    *,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    answer: str = "What the caller asked for.",
    body_limit: Literal["normal", "batch"] = "normal",
    success: int = 200,
    media: str = "application/json",
    raw: bool = False,
    other_media: tuple[str, ...] = (),
    in_parts: bool = False,
    shows_secret: bool = False,
) -> Callable[[View], View]:
    def declare(view: View) -> View:
        view.contract = Contract(  # type: ignore[attr-defined]
            scope, lane, body, query, answer, body_limit, success, media, raw, other_media, in_parts, shows_secret
        )
        return view

    return declare


def contract_of(view: object) -> Contract:
    found = getattr(view, "contract", None)
    assert isinstance(found, Contract), f"{view} says nothing about who may call it"
    return found
