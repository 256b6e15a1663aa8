"""The one place where the error tree becomes status codes and problem bodies."""

import logging
from typing import Any

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from ml_service import errors
from ml_service.errors import FieldError

logger = logging.getLogger(__name__)

STATUS: dict[type[errors.ServiceError], int] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.KeyReused: 422,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.RateLimited: 429,
    errors.Untrainable: 422,
    errors.ModelRefused: 422,
    errors.Unavailable: 503,
}

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    416: "Range not satisfiable",
    422: "Unprocessable",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


def problem(
    status: int,
    code: str,
    detail: str,
    field_errors: tuple[FieldError, ...] = (),
    retry_after_s: int | None = None,
) -> Response:
    title = TITLES.get(status, "Error")
    body: dict[str, Any] = {
        "success": False,
        "error": detail,
        "type": f"urn:ml-service:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": status in (408, 429, 503),
        "errors": [{"path": error.path, "message": error.message} for error in field_errors],
    }
    response = Response(orjson.dumps(body), status=status, content_type="application/problem+json")
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def register(app: Flask) -> None:
    @app.errorhandler(errors.ServiceError)
    def on_service_error(error: errors.ServiceError) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        if status == 500:
            return on_any(error)
        field_errors = error.errors if isinstance(error, errors.InvalidInput) else ()
        retry_after = getattr(error, "retry_after_s", None)
        return problem(status, error.code, str(error), field_errors, retry_after)

    @app.errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Response:
        status = error.code or 500
        code = (error.name or "error").lower().replace(" ", "_")
        response = problem(status, code, error.description or TITLES.get(status, "Error"))
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After", "Content-Range"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def on_any(error: Exception) -> Response:
        logger.error("an unexpected error", exc_info=error)
        return problem(500, "internal", "something unexpected went wrong; the request id leads to it in the log")
