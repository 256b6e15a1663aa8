"""The README says what the code does: every route, command, event, code and metric stands in it."""

import re
from pathlib import Path

import pytest
import typer.main

from ml_service import errors
from ml_service.cli.main import cli
from ml_service.domain import events
from ml_service.domain.adaptation import SCORE_WEIGHTS
from ml_service.domain.gate import PLAIN
from ml_service.domain.parameters import PARAMETERS
from ml_service.settings.environment import VARIABLES
from ml_service.web.blueprints import BLUEPRINTS
from tests.service import ROOT

README = (ROOT / "README_ML_SERVICE.md").read_text()
EXAMPLES = (ROOT / ".env.example").read_text()


def routes() -> set[tuple[str, str]]:
    from flask import Flask

    app = Flask("routes", static_folder=None)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


@pytest.mark.parametrize(("method", "path"), sorted(routes()))
def test_every_route_is_described(method: str, path: str) -> None:
    assert re.search(rf"`{method} {re.escape(path)}[`?]", README)


def test_every_route_that_is_described_exists() -> None:
    described = set(re.findall(r"`(GET|POST|PUT|DELETE) (/[^`? ]*)", README))

    assert described - routes() == set()


def commands() -> list[str]:
    group = typer.main.get_command(cli)
    names = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {inner}" for inner in getattr(command, "commands", {})] or [name]
    return names


@pytest.mark.parametrize("command", commands())
def test_every_command_is_described(command: str) -> None:
    assert re.search(rf"`{re.escape(command)}[ `]", README)


@pytest.mark.parametrize(
    "event",
    [
        events.OutcomeReported,
        events.OutcomeReleased,
        events.OutcomeMatched,
        events.ThresholdsChanged,
        events.KillSwitchTurned,
        events.JournalConflictFound,
        events.ModelTrained,
        events.ModelPromoted,
        events.ModelRolledBack,
        events.ModelRetired,
        events.ModelExpired,
        events.ModelTurnedDown,
    ],
)
def test_every_event_is_described(event: type) -> None:
    assert f"`{event.kind}`" in README  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", ["all_passed", "limit_missed", "explored", "parameter_missing", *PLAIN])
def test_every_code_of_a_decision_is_described(code: str) -> None:
    assert f"`{code}`" in README


def test_every_error_code_is_described() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Refused)]
    codes = {kind.code for kind in kinds} - {"refused"} | {"store_unavailable", "overloaded", "not_kept"}

    assert {code for code in codes if f"`{code}`" not in README} == set()


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda parameter: parameter.name)
def test_every_parameter_is_described_with_its_bounds(parameter: object) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{parameter.name}`"))  # type: ignore[attr-defined]
    numbers = [
        float(found) for found in re.findall(r"[−-]?\d+(?:\.\d+)?(?:e\d+)?", row.split("|")[-2].replace("−", "-"))
    ]

    assert numbers == [parameter.default, parameter.low, parameter.high]  # type: ignore[attr-defined]


def test_the_weights_of_the_score_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| ([\w ]+?)(?:, percent[\w ]*)? \| (−?0\.\d+) \|", README, re.MULTILINE)

    assert {name.lower().replace(" ", "_"): float(weight.replace("−", "-")) for name, weight in rows} == SCORE_WEIGHTS


def test_every_metric_is_described() -> None:
    source = (ROOT / "ml_service/adapters/telemetry/metrics.py").read_text()
    counted = re.findall(r'Counter\(\s*"(\w+)"', source)
    others = re.findall(r'(?:Histogram|Gauge)\(\s*"(\w+)"', source)

    assert [name for name in [*(f"{one}_total" for one in counted), *others] if name not in README] == []


def test_every_variable_stands_in_the_example_of_the_environment() -> None:
    assert [name for name in VARIABLES if not re.search(rf"^#? ?{name}=", EXAMPLES, re.MULTILINE)] == []


def test_every_table_is_described() -> None:
    source = (ROOT / "ml_service/adapters/store/tables.py").read_text()
    tables = re.findall(r'Table\(\s*"(\w+)"', source)

    assert [name for name in tables if f"`{name}`" not in README] == []


def test_every_file_the_readme_points_to_exists() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", README + (ROOT / "README.md").read_text())

    assert [name for name in linked if not (ROOT / name).exists()] == []
    assert Path(ROOT / "CHANGELOG.md").exists()
