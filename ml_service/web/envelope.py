"""What surrounds every request: id, caller, limits, lane; then its line in the log and its count."""

import itertools
import os
import re
from typing import Any

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from ml_service.errors import InvalidInput, Overloaded, RateLimited, TooLarge
from ml_service.web.call import WHOLE, Call
from ml_service.web.contracts import Contract, contract_of
from ml_service.web.idempotency import claim, keep_answer
from ml_service.web.parts import Parts
from ml_service.web.schemas.signals import EvaluateBody
from ml_service.web.security import authorize, principal
from ml_service.web.wire import TIME_MS_MAX, id_of, trade_of, user_of

REQUEST_ID_FORM = re.compile(r"[!-~]{1,128}")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
FORMS = {"user_id": user_of, "trade_id": trade_of}
"""What stands in a path has the form of an id, unless it is named here."""


def register(app: Flask, parts: Parts) -> None:
    contracts = {name: contract_of(view) for name, view in app.view_functions.items()}
    prefix = os.urandom(10).hex()
    # A generator would refuse the thread that asks while another is inside it; a count never does.
    numbers = itertools.count()

    def own_id() -> str:
        return f"{prefix}{next(numbers):012x}"

    @app.before_request
    def enter() -> Response | None:
        this: Request = request._get_current_object()  # type: ignore[attr-defined]
        given = this.environ.get("HTTP_X_REQUEST_ID", "")
        call = g.call = Call(parts, this.environ, given if REQUEST_ID_FORM.fullmatch(given) else own_id())
        if this.endpoint is None or this.method == "OPTIONS":
            # Not a route (the error handler answers), or a preflight, which only learns the methods.
            return None
        found = contracts[this.endpoint]
        call.now_ms = now_ms(call)
        call.caller = principal(call, found)
        authorize(found, call, valid_user(this.view_args or {}))
        if "HTTP_X_TEST_TIME" in this.environ:
            parts.follow(call.now_ms)
        limit_rate(found, call)
        if this.method in WRITES and parts.body_deadline.is_full():
            refuse_body(found, call)
        elif this.method in WRITES:
            call.body = body_bytes(this, found, parts)
        if not call.shed:
            enter_lane(found, call)
        return claim(call, this, found.shows_secret) if found.remembered and this.method in WRITES else None

    @app.after_request
    def leave(response: Response) -> Response:
        call: Call = g.call
        response.headers["X-Request-Id"] = call.request_id
        if parts.is_draining():
            # The client opens its next connection elsewhere, instead of racing with our close.
            response.headers["Connection"] = "close"
        if call.claimed is not None:
            keep_answer(call, response)
        tell(call, response)
        return response

    @app.teardown_request
    def free(error: BaseException | None) -> None:
        call: Call | None = g.pop("call", None)
        if call is not None and call.lane is not None:
            parts.lanes.leave(call.lane)


def valid_user(view_args: dict[str, Any]) -> str | None:
    """The user in the path, if there is one; every id in the path has the form of an id."""
    for name, value in view_args.items():
        try:
            FORMS.get(name, id_of)(value)
        except ValueError as error:
            raise InvalidInput.at(name, str(error)) from None
    return view_args.get("user_id")


def now_ms(call: Call) -> int:
    """The moment of this request; simulations in the testing environment bring their own."""
    given = call.environ.get("HTTP_X_TEST_TIME")
    if given is None:
        return call.parts.now_ms()
    if call.parts.environment != "testing":
        raise InvalidInput.at("X-Test-Time", "only understood under ENVIRONMENT=testing")
    if not WHOLE.fullmatch(given) or int(given) > TIME_MS_MAX:
        raise InvalidInput.at("X-Test-Time", f'expected milliseconds up to the year 9000, found "{given[:40]}"')
    return int(given)


def limit_rate(contract: Contract, call: Call) -> None:
    if not contract.rate_limited:
        return
    wait_s = call.parts.limiter.hit(call.actor)
    if wait_s is not None:
        raise RateLimited("too many requests with this key", wait_s)


def body_bytes(this: Request, contract: Contract, parts: Parts) -> bytes:
    limit = parts.live.batch_bytes_max if contract.body_limit == "batch" else parts.live.body_bytes_max
    length = this.content_length
    if length is not None and length > limit:
        raise TooLarge(f"expected a body of at most {limit} bytes, found {length}")
    try:
        with parts.body_deadline.watching():
            if length is None:
                this.max_content_length = limit
                return in_chunks(this)
            # In one step: every read gives the interpreter away, and taking it back is what costs.
            body: bytes = this.environ["wsgi.input"].read(length)
    except RequestEntityTooLarge:
        raise
    except Exception as error:
        # Each server has errors of its own for a broken chunk or a caller that went away.
        raise InvalidInput.at("body", "the body ended before it was complete") from error
    if len(body) < length:
        raise InvalidInput.at("body", f"expected {length} bytes, found {len(body)}")
    return body


def in_chunks(this: Request) -> bytes:
    body = this.get_data(cache=False)
    # Granian reads a broken chunk as the end. Where a body may be left out, what was broken would count as left out.
    if not body and "HTTP_TRANSFER_ENCODING" in this.environ:
        raise EOFError("announced in chunks, and none came")
    return body


def refuse_body(contract: Contract, call: Call) -> None:
    """Too many bodies are on their way already. Evaluate abstains without having read its own."""
    call.parts.telemetry.shed(contract.lane)
    if contract.body is not EvaluateBody:
        raise Overloaded("too many requests at once whose bodies are still on their way")
    call.shed = True
    call.body = b"{}"


def enter_lane(contract: Contract, call: Call) -> None:
    if contract.lane == "free":
        return
    if call.parts.lanes.enter(contract.lane, call.remaining_ms(60_000.0)):
        call.lane = contract.lane
        return
    call.parts.telemetry.shed(contract.lane)
    # Turning away costs computing time too. Done by many threads at once, it would take that time from the
    # few that decide, and the callers would be back at once for more.
    if call.parts.lanes.enter("shed", call.remaining_ms(60_000.0)):
        call.lane = "shed"
    if contract.lane != "decide":
        raise Overloaded("too many requests of this kind at once")
    # Evaluate answers all the same (see blueprints/signals.py): an error would be an unfiltered trade.
    call.shed = True


def tell(call: Call, response: Response) -> None:
    seconds = call.seconds()
    rule = request.url_rule
    route = rule.rule if rule is not None else "unknown"
    method = call.environ["REQUEST_METHOD"]
    if method not in METHODS:
        # Anybody can make up methods; each would become a time series of its own.
        method = "other"
    call.parts.telemetry.answered(route, method, response.status_code, seconds)
    call.parts.telemetry.line(
        {
            "request_id": call.request_id,
            "method": method,
            "route": route,
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 3),
            "caller": call.actor,
            **call.log,
        }
    )
