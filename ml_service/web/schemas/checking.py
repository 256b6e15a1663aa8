"""From what arrived to models, every error at once."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ml_service.errors import FieldError, InvalidInput

Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], value: Any, under: str = "") -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = tuple(field_error(one, under) for one in error.errors(include_url=False))
        raise InvalidInput("; ".join(f"{one.path}: {one.message}" for one in found[:5]), found) from None


def field_error(error: ErrorDetails, under: str) -> FieldError:
    path = ".".join(str(part) for part in (under, *error["loc"]) if part != "")
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if error["type"] in ("missing", "extra_forbidden"):
        return FieldError(path or "body", message)
    return FieldError(path or "body", f"{message}, found {shown(error['input'])}")


def shown(value: object) -> str:
    if isinstance(value, dict | list):
        # Not its content: it may be endless, or nested deeper than can be written out.
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else text[:57] + "..."
