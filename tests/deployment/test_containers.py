"""The image, the compose file and what stands around them, checked without an engine."""

import ipaddress
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

METRICS = {
    "up": {"job"},
    "ml_requests_total": {"route", "method", "status"},
    "ml_evaluate_duration_seconds_bucket": {"le"},
    "ml_decisions_total": {"decision", "code"},
    "ml_records_total": {"kept"},
    "ml_journal_rows": set(),
    "ml_snapshot_age_seconds": set(),
    "ml_champions_refused": set(),
    "ml_shed_total": {"lane"},
    "ml_alerts_total": {"severity"},
}
"""What the service exposes, with the labels that rules and dashboards may use."""

COMMANDS = (
    "run", "start", "stop", "restart", "status", "logs", "test", "check", "training", "lock", "cli", "clean", "deploy",
    "help",
)  # fmt: skip


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.ml-service.yml").read_text())


def resolved(value: str) -> str:
    """The value as compose sees it where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def services(compose: Any) -> Iterator[tuple[str, Any]]:
    yield from compose["services"].items()


def networks_of(service: Any) -> set[str]:
    return set(service["networks"])


def test_the_dockerfile_passes_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(ROOT / "Dockerfile.ml-service")], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_the_image_serves_as_an_unprivileged_user_and_stops_in_order() -> None:
    lines = (ROOT / "Dockerfile.ml-service").read_text().splitlines()

    assert "USER 10001:10001" in lines
    assert "STOPSIGNAL SIGTERM" in lines
    # The form with brackets: no shell stands between the signal and the service.
    assert 'CMD ["python", "-m", "ml_service", "run"]' in lines
    assert "HEALTHCHECK" in "".join(lines)
    assert "VOLUME /var/lib/ml-service" in lines


def stages() -> dict[str, str]:
    """Each stage of the image by name, with what it is built on and what it copies from."""
    text = (ROOT / "Dockerfile.ml-service").read_text()
    found = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)[1:]
    return {name: f"FROM {base}\n{content}" for base, name, content in zip(*[iter(found)] * 3, strict=True)}


def whole(name: str) -> str:
    """What goes into a stage, its ancestors included."""
    own = stages()[name]
    sources = set(re.findall(r"^(?:FROM |COPY --from=)(\S+)", own, re.MULTILINE)) & stages().keys()
    return own + "".join(whole(source) for source in sorted(sources))


def test_the_serving_image_installs_the_serving_layer_alone_and_by_hash() -> None:
    assert list(stages())[-1] == "serving", "the last stage is what is built when none is named"
    assert "--require-hashes -r requirements.txt" in whole("serving")
    assert "requirements-" not in whole("serving")
    assert "torch" not in whole("serving")


def test_the_training_image_is_the_serving_one_with_the_training_layer() -> None:
    torch = re.search(r"^TORCH=(\S+)$", (ROOT / "deploy.sh").read_text(), re.MULTILINE)

    assert torch is not None
    assert "--require-hashes -r requirements-training.txt" in whole("training")
    assert f"ARG TORCH={torch[1]}" in whole("training")
    assert stages()["base"] in whole("training")
    assert "USER 10001:10001" in stages()["training"].splitlines()


def test_each_service_is_built_from_a_stage_that_exists(compose: Any) -> None:
    targets = {name: service["build"]["target"] for name, service in services(compose) if "build" in service}

    assert targets == {"ml-service": "serving", "trainer": "training"}
    assert set(targets.values()) <= stages().keys()


def test_the_trainer_knows_the_same_database_and_data_as_the_service(compose: Any) -> None:
    service, trainer = compose["services"]["ml-service"], compose["services"]["trainer"]

    assert trainer["profiles"] == ["training"]
    assert trainer["environment"] == service["environment"]
    assert trainer["volumes"] == service["volumes"]
    assert networks_of(trainer) == {"storage"}
    for guard in ("read_only", "tmpfs", "cap_drop", "security_opt"):
        assert trainer[guard] == service[guard]


def test_everything_the_image_copies_is_let_through() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / "Dockerfile.ml-service").read_text(), re.MULTILINE)
    let_through = (ROOT / ".dockerignore").read_text().splitlines()

    assert "*" in let_through
    for name in copied:
        assert f"!{name}" in let_through
        assert (ROOT / name).exists()


def test_the_trusted_network_is_exactly_the_private_one(compose: Any) -> None:
    service = compose["services"]["ml-service"]
    (private,) = compose["networks"]["private"]["ipam"]["config"]
    trusted = service["environment"]["ML_SERVICE_TRUSTED_NETWORK"]

    assert service["environment"]["HOST"] == "0.0.0.0"
    assert "private" in networks_of(service)
    assert trusted == private["subnet"]
    assert ipaddress.ip_network(resolved(trusted)).is_private


def test_whoever_comes_through_the_edge_is_not_trusted(compose: Any) -> None:
    (private,) = compose["networks"]["private"]["ipam"]["config"]
    (edge,) = compose["networks"]["edge"]["ipam"]["config"]
    edge_network = ipaddress.ip_network(resolved(edge["subnet"]))
    address = compose["services"]["ml-service"]["networks"]["edge"]["ipv4_address"]

    assert networks_of(compose["services"]["nginx"]) == {"edge"}
    assert not edge_network.overlaps(ipaddress.ip_network(resolved(private["subnet"])))
    assert ipaddress.ip_address(resolved(address)) in edge_network


def test_only_the_edge_profile_publishes_beyond_loopback(compose: Any) -> None:
    for name, service in services(compose):
        for port in service.get("ports", ()):
            profiles = service.get("profiles", [])
            assert port.startswith("127.0.0.1:") or profiles == ["edge"], name
            assert resolved(port).startswith("127.0.0.1:"), name


def test_the_service_itself_publishes_no_port(compose: Any) -> None:
    # Through a published port, a caller carries the address of the gateway and would be trusted.
    assert "ports" not in compose["services"]["ml-service"]


def test_databases_are_reached_by_the_service_alone(compose: Any) -> None:
    members = {name for name, service in services(compose) if "storage" in networks_of(service)}

    assert members == {"ml-service", "trainer", "postgres", "redis"}
    assert compose["networks"]["storage"]["internal"] is True
    for name in ("postgres", "redis"):
        assert networks_of(compose["services"][name]) == {"storage"}


def test_postgres_keeps_its_safe_defaults(compose: Any) -> None:
    postgres = json.dumps(compose["services"]["postgres"])

    assert "command" not in compose["services"]["postgres"]
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        assert setting not in postgres


def test_there_is_time_to_stop_in_order(compose: Any) -> None:
    assert compose["services"]["ml-service"]["stop_grace_period"] == "35s"


def test_every_service_is_watched(compose: Any) -> None:
    for name, service in services(compose):
        if name != "trainer":
            assert "healthcheck" in service, name
            assert service["restart"] == "unless-stopped", name


def test_secrets_come_from_the_environment(compose: Any) -> None:
    for name, service in services(compose):
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|KEY|SECRET|DATABASE_URL", key):
                assert "${" in value, f"{name}: {key}"
    assert "${POSTGRES_PASSWORD:?" in compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]


def test_profiles_and_mounted_files_exist(compose: Any) -> None:
    profiles = {name: service.get("profiles", []) for name, service in services(compose)}

    assert profiles["prometheus"] == profiles["grafana"] == ["monitoring"]
    assert profiles["nginx"] == ["edge"]
    assert profiles["ml-service"] == profiles["postgres"] == profiles["redis"] == []
    assert profiles["trainer"] == ["training"]
    for _, service in services(compose):
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"]


def test_the_proxy_takes_in_whole_requests_under_a_deadline() -> None:
    text = (ROOT / "config" / "nginx.conf").read_text()

    for directive in (
        r"proxy_request_buffering\s+on;",
        r"client_header_timeout\s+\d+s;",
        r"client_body_timeout\s+\d+s;",
        r"server ml-service:5000",
        r"keepalive \d+;",
        r'proxy_set_header Connection "";',
        r"proxy_set_header X-Forwarded-For \$remote_addr;",
    ):
        assert re.search(directive, text), directive


def test_the_proxy_answers_its_own_refusals_with_problem_bodies() -> None:
    text = (ROOT / "config" / "nginx.conf").read_text()
    answers = re.findall(r"return (\d+) '(.*)';", text)

    assert len(answers) == 4
    for status, body in answers:
        problem = json.loads(body)
        assert problem["status"] == int(status)
        assert problem["success"] is False


def expressions() -> Iterator[tuple[str, str]]:
    rules = yaml.safe_load((ROOT / "config" / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def dashboard() -> Any:
    return json.loads((ROOT / "config" / "grafana" / "dashboards" / "ml-service.json").read_text())


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_rules_and_panels_use_metrics_and_labels_that_exist(where: str, expression: str) -> None:
    used = re.findall(r"\b(up|ml_\w+)\b", expression)
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
        labels.update(label.strip() for label in grouping.split(","))

    assert used, where
    assert set(used) <= METRICS.keys()
    assert labels <= set().union(*(METRICS[name] for name in used))


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    rules = yaml.safe_load((ROOT / "config" / "alerts.yml").read_text())["groups"][0]["rules"]

    assert len({rule["alert"] for rule in rules}) == len(rules) >= 6
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_alert_rules_fire_when_they_should() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", str(Path(__file__).with_name("alerts_test.yml"))],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_asks_the_service_and_knows_the_rules() -> None:
    prometheus = yaml.safe_load((ROOT / "config" / "prometheus.yml").read_text())
    (job,) = prometheus["scrape_configs"]

    assert job["job_name"] == "ml-service"
    assert job["metrics_path"] == "/metrics"
    assert job["static_configs"] == [{"targets": ["ml-service:5000"]}]
    assert prometheus["rule_files"] == ["alerts.yml"]


def test_grafana_finds_its_source_and_its_dashboards(compose: Any) -> None:
    provisioning = ROOT / "config" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "ml-service.yml").read_text())["providers"]
    mounted = {volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]}
    panels = dashboard()["panels"]

    assert source["url"] == "http://prometheus:9090"
    assert provider["options"]["path"] in mounted
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("layer", ["requirements-dev.txt", "requirements-training.txt"])
def test_an_upper_layer_changes_no_served_version(layer: str) -> None:
    serving, upper = locked("requirements.txt"), locked(layer)
    shared = serving.keys() & upper.keys()

    assert shared
    assert {name: upper[name] for name in shared} == {name: serving[name] for name in shared}


@pytest.mark.parametrize("layer", ["requirements.txt", "requirements-dev.txt", "requirements-training.txt"])
def test_everything_is_locked_by_hash_and_from_no_particular_place(layer: str) -> None:
    text = (ROOT / layer).read_text()
    entries = re.split(r"\n(?=[a-z])", text)[1:]

    assert len(entries) == len(locked(layer))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"--(extra-)?index-url|--find-links|://", text)


@pytest.mark.parametrize("layer", ["requirements.txt", "requirements-dev.txt", "requirements-training.txt"])
def test_no_layer_brings_torch_or_libraries_for_graphics_cards(layer: str) -> None:
    assert not [name for name in locked(layer) if re.match(r"torch|nvidia|triton|cuda|xgboost$", name)]


def test_the_serving_layer_has_no_training_library() -> None:
    training = {"scikit-learn", "xgboost-cpu", "lightgbm", "pandas", "scipy", "joblib", "onnx", "optuna"}

    assert not training & locked("requirements.txt").keys()


@pytest.mark.parametrize("script", ["deploy.sh", ".ci/run"])
def test_the_scripts_can_be_parsed_and_executed(script: str) -> None:
    done = subprocess.run(["bash", "-n", str(ROOT / script)], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert (ROOT / script).stat().st_mode & 0o111


@pytest.mark.parametrize("arguments", [["help"], []])
def test_help_lists_every_command(arguments: list[str]) -> None:
    done = subprocess.run([str(ROOT / "deploy.sh"), *arguments], capture_output=True, text=True)

    assert done.returncode == 0
    assert tuple(sorted(COMMANDS)) == tuple(sorted(re.findall(r"^  ([a-z]+) ", done.stdout, re.MULTILINE)))


def test_an_unknown_command_is_refused() -> None:
    done = subprocess.run([str(ROOT / "deploy.sh"), "fly"], capture_output=True, text=True)

    assert done.returncode == 1
    assert "unknown command: fly" in done.stderr


def test_the_example_of_the_environment_holds_no_secret() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert all(not line or line.startswith("#") for line in lines)
    for line in lines:
        if re.match(r"# \w*(_KEY|PASSWORD|WEBHOOK_URL|DSN)=", line):
            assert line.endswith("="), line
