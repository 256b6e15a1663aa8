"""Loading: a preset, a file and the environment over the defaults; every mistake is reported at once."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_service.errors import FieldError, Misconfigured
from ml_service.settings.environment import CONFIG_FILE, VARIABLES, from_environment
from ml_service.settings.fields import SECRETS, Wrong, nested, valid
from ml_service.settings.files import from_file
from ml_service.settings.given import Given, Layer
from ml_service.settings.model import CONTRADICTION, Settings

PRESETS = Path(__file__).resolve().parents[2] / "config"


def load_settings(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    environ = os.environ if environ is None else environ
    variables = from_environment(environ)
    written = from_named_file(environ, file)
    layers = (preset_for((*written.givens, *variables.givens)), written, variables)

    mistakes = [mistake for layer in layers for mistake in layer.mistakes]
    values: dict[str, Any] = {}
    labels: dict[str, str] = {}
    wrong: set[str] = set()
    for given in (given for layer in layers for given in layer.givens):
        try:
            values[given.path] = taken(given)
            labels[given.path] = given.label
        except Wrong as error:
            mistakes.append(FieldError(given.label, f"{error} (in {given.source})" if given.source else str(error)))
            wrong.add(group_of(given.path))

    try:
        settings = Settings(**nested(values), notices=(*variables.notices, *notices_of(values)))
    except ValidationError as error:
        # What a wrong value would have been is unknown, so its group is not asked for contradictions.
        mistakes += [
            FieldError(labels.get(found.path, found.path), found.message)
            for found in contradictions_in(error)
            if group_of(found.path) not in wrong
        ]
    if mistakes:
        raise Misconfigured(tuple(mistakes))
    return settings


def notices_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    share = values.get("adaptation.exploration", 0.0)
    if share == 0.0:
        return ()
    return (f"adaptation.exploration is on: {100.0 * share:g} % of the signals that miss a limit are taken to learn",)


def from_named_file(environ: Mapping[str, str], file: Path | None) -> Layer:
    name = environ.get(CONFIG_FILE, "").strip()
    if file is None and not name:
        return Layer()
    return from_file(file if file is not None else Path(name))


def preset_for(givens: Iterable[Given]) -> Layer:
    """The preset of the environment that is asked for last; none when that is a wrong word."""
    environment = "development"
    for given in givens:
        if given.path == "environment":
            try:
                environment = taken(given)
            except Wrong:
                return Layer()
    return from_file(PRESETS / f"{environment}.yaml")


def taken(given: Given) -> Any:
    """The value as its setting wants it, else Wrong."""
    if given.source and given.path in SECRETS and given.value is not None:
        variable = next(name for name, path in VARIABLES.items() if path == given.path)
        raise Wrong(f"expected only in the environment ({variable}): a secret does not belong in a file")
    return valid(given.path, given.value)


def group_of(path: str) -> str:
    """What is judged together: a section, or one parameter of the gate."""
    names = path.split(".")
    return ".".join(names[:2] if names[0] == "gate" else names[:1])


def contradictions_in(error: ValidationError) -> tuple[FieldError, ...]:
    found: list[FieldError] = []
    for entry in error.errors(include_url=False):
        assert entry["type"] == CONTRADICTION
        found.extend(entry["ctx"]["complaints"])
    return tuple(found)
