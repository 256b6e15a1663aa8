"""Settings files: YAML or JSON, with today's names or those of the older service."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import yaml

from ml_service.domain.parameters import PARAMETERS
from ml_service.errors import FieldError, Misconfigured
from ml_service.settings.fields import FIELDS, groups, shown, unknown
from ml_service.settings.given import Given, Layer

OLDER: Mapping[str, str] = {
    "adaptation.default_learning_rate": "adaptation.learning_rate",
    "adaptation.min_learning_rate": "adaptation.learning_rate_min",
    "adaptation.max_learning_rate": "adaptation.learning_rate_max",
    "adaptation.min_trades_for_adaptation": "adaptation.trades_min",
    "adaptation.adaptation_frequency_hours": "adaptation.frequency_hours",
    "adaptation.max_adaptation_per_cycle": "adaptation.span_share_max",
    "adaptation.min_adaptation_threshold": "adaptation.change_share_min",
    "adaptation.cooldown_after_poor_performance_hours": "adaptation.cooldown_hours",
    **{
        path.replace("score_weights", "performance_weights"): path
        for path in FIELDS
        if path.startswith("adaptation.score_weights.")
    },
    **{f"adaptation.default_parameters.{name}": f"gate.{name}.default" for name in PARAMETERS},
}
"""Older names that are still read, and the settings they reach."""

OLDER_BOUNDS: Mapping[str, str] = {
    f"adaptation.{name.removesuffix('_threshold')}_bounds": f"gate.{name}" for name in PARAMETERS
}
"""Older pairs `[low, high]`."""

GROUPS = groups({*FIELDS, *OLDER})

Entry = tuple[str, Any]


class StrictLoader(yaml.SafeLoader):
    """YAML lets the second of two equal keys win in silence; here it is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                raise yaml.MarkedYAMLError(problem="twice", problem_mark=node.value[position][0].start_mark)
        return super().construct_mapping(node, deep)


def from_file(path: Path) -> Layer:
    try:
        document = parsed(path)
    except Misconfigured as mistake:
        return Layer(mistakes=mistake.errors)
    givens: list[Given] = []
    mistakes: list[FieldError] = []
    for written, value in entries(document):
        found = tuple(meant(written, value))
        if not found:
            mistakes.append(FieldError(written, f"{trouble(written, value)} (in {path.name})"))
        for setting, part in found:
            if any(given.path == setting for given in givens):
                mistakes.append(FieldError(written, f"{setting} is given twice (in {path.name})"))
            givens.append(Given(setting, part, written, path.name))
    return Layer(tuple(givens), tuple(mistakes))


def parsed(path: Path) -> Mapping[Any, Any]:
    """The document; what an error repeats of it is a position, never the text, which may hold a secret."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a path"
        raise unusable(path, f"expected a file that can be read: {why}") from error
    try:
        document = orjson.loads(content) if path.suffix.lower() == ".json" else yaml.load(content, StrictLoader)
    except orjson.JSONDecodeError as error:
        raise unusable(path, f"expected JSON, found a mistake at line {error.lineno}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}" if mark else ""
        what = "a key that is given twice" if error.problem == "twice" else "a mistake"
        raise unusable(path, f"expected YAML, found {what}{where}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise unusable(path, "expected YAML that can be read") from None
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise unusable(path, f"expected groups of settings, found {shown(document)}")
    return document


def unusable(path: Path, message: str) -> Misconfigured:
    # A name from the environment may hold bytes that no log could take.
    printable = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return Misconfigured((FieldError(printable, message),))


def entries(group: Mapping[Any, Any], prefix: str = "") -> Iterator[Entry]:
    """Every path as it is written, with its value. A group without content counts as not written."""
    for key, value in group.items():
        path = f"{prefix}{key}"
        if path not in GROUPS:
            yield path, value
        elif isinstance(value, Mapping):
            yield from entries(value, f"{path}.")
        elif value is not None:
            yield path, value


def meant(written: str, value: Any) -> Iterator[Entry]:
    """The settings that this entry gives; none when it makes no sense."""
    if written in FIELDS:
        yield written, value
    elif written in OLDER:
        yield OLDER[written], value
    elif written in OLDER_BOUNDS and isinstance(value, list) and len(value) == 2:
        yield f"{OLDER_BOUNDS[written]}.low", value[0]
        yield f"{OLDER_BOUNDS[written]}.high", value[1]


def trouble(written: str, value: Any) -> str:
    if written in GROUPS:
        return f"expected a group of settings, found {shown(value)}"
    if written in OLDER_BOUNDS:
        return "expected a list of two numbers, the lowest and the highest"
    return unknown(written, (*FIELDS, *sorted(GROUPS)))
