"""Every setting by its path: what it expects, whether it is a secret, what a wrong path was meant to be."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ml_service.domain.parameters import PARAMETERS
from ml_service.settings.kinds import quoted
from ml_service.settings.model import Settings
from ml_service.settings.sections import STRICT, GateLimits


class Wrong(Exception):
    """The text says what was expected and what was found."""


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        if path == "gate":
            for parameter in PARAMETERS:
                yield from leaves(GateLimits, f"gate.{parameter}.")
        elif isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, f"{path}.")
        elif not info.exclude:
            yield path, info


FIELDS: Mapping[str, FieldInfo] = dict(leaves(Settings))

SECRETS = frozenset(path for path, info in FIELDS.items() if SecretStr in get_args(info.annotation))


def groups(paths: Collection[str]) -> frozenset[str]:
    """Every path that only leads to others: `server`, `gate`, `gate.rsi_threshold`."""
    return frozenset(path[:at] for path in paths for at, letter in enumerate(path) if letter == ".")


def valid(path: str, value: Any) -> Any:
    """The value as its setting wants it, else Wrong."""
    # Pydantic counts true as the number 1; whoever writes `port: true` did not mean that.
    mistaken = isinstance(value, bool) and bool not in kinds(FIELDS[path])
    if not mistaken:
        try:
            return adapter(path).validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if first["type"] == "value_error":
                raise Wrong(str(first["ctx"]["error"])) from None
    found = "" if path in SECRETS else f", found {shown(value)}"
    raise Wrong(f"expected {expectation(FIELDS[path])}{found}") from None


@cache
def adapter(path: str) -> TypeAdapter[Any]:
    return TypeAdapter(FIELDS[path].rebuild_annotation(), config=STRICT)


def kinds(info: FieldInfo) -> tuple[Any, ...]:
    """The types a setting may have, without the None that stands for 'not set'."""
    parts = get_args(info.annotation) if type(None) in get_args(info.annotation) else (info.annotation,)
    return tuple(part for part in parts if part is not type(None))


def expectation(info: FieldInfo) -> str:
    kind = kinds(info)[0]
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is tuple:
        return "a list, or text with commas"
    words = {int: "an integer", float: "a finite number", bool: "true or false", Path: "a path"}
    return words.get(kind, "text") + limits_of(info)


def limits_of(info: FieldInfo) -> str:
    low = next((part.ge for part in info.metadata if hasattr(part, "ge")), None)
    high = next((part.le for part in info.metadata if hasattr(part, "le")), None)
    return "" if low is None or high is None else f" from {low} to {high}"


def shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            text = f"{value:.12g}" if isinstance(value, float) else hex(value) if abs(value) > 10**18 else str(value)
            return text if len(text) <= 60 else "a huge number"
        case str():
            return quoted(value)
        case Mapping():
            return "a group of settings"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__}"


def unknown(path: str, known: Collection[str]) -> str:
    """What to say of a path that leads nowhere: it was misspelt, stands in the wrong group, or both."""
    group, _, name = path.rpartition(".")
    beside = {other.rpartition(".")[2]: other for other in known if other.rpartition(".")[0] == group}
    meant = [beside[other] for other in beside if other.startswith(f"{name}_")]
    meant += [beside[other] for other in get_close_matches(name, beside, n=2)]
    meant += [other for other in known if other.rpartition(".")[2] == name]
    meant = list(dict.fromkeys(meant))[:3] or get_close_matches(path, known, n=2, cutoff=0.7)
    return f"there is no such setting; did you mean {' or '.join(meant)}?" if meant else "there is no such setting"


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """{"server.port": 1} becomes {"server": {"port": 1}}."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        *groups_above, name = path.split(".")
        group = document
        for above in groups_above:
            group = group.setdefault(above, {})
        group[name] = value
    return document


def flat(settings: Settings) -> dict[str, Any]:
    """{"server.port": 5000, …} with every setting."""
    return {path: at(settings, path) for path in FIELDS}


def at(settings: Settings, path: str) -> Any:
    value: Any = settings
    for name in path.split("."):
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value
