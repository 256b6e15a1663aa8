"""Settings: layers in order, every mistake at once, no secret ever shown."""

import re
from dataclasses import fields
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from ml_service.domain.adaptation import SCORE_WEIGHTS, AdaptationPolicy
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.thresholds import policy_from
from ml_service.domain.types import Limits
from ml_service.errors import Misconfigured
from ml_service.settings import (
    Settings,
    changed_paths,
    check,
    load_settings,
    needs_restart,
    unsafe_start,
)
from ml_service.settings.environment import CONFIG_FILE, RETIRED, VARIABLES
from ml_service.settings.fields import FIELDS, SECRETS, flat
from ml_service.settings.sections import AdaptationSettings, ScoreWeights, ServerSettings

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "ml_service_config_example.yaml"
PRESETS = ("development", "testing", "staging", "production")

# fmt: off
EXISTING_NAMES = [
    "ENVIRONMENT", "DEBUG", "HOST", "PORT", "WORKERS", "DATABASE_URL", "DB_POOL_SIZE", "DB_MAX_OVERFLOW",
    "DB_POOL_TIMEOUT", "DB_POOL_RECYCLE", "DB_ECHO", "ADAPTATION_LEARNING_RATE",
    "ADAPTATION_MIN_LEARNING_RATE", "ADAPTATION_MAX_LEARNING_RATE", "ADAPTATION_PERFORMANCE_WINDOW",
    "ADAPTATION_MIN_TRADES", "ADAPTATION_FREQUENCY_HOURS", "RSI_MIN_THRESHOLD", "CONFIDENCE_MIN_THRESHOLD",
    "MACD_MIN_THRESHOLD", "VOLUME_MIN_THRESHOLD", "MOMENTUM_MIN_THRESHOLD", "RSI_MAX_THRESHOLD",
    "CONFIDENCE_MAX_THRESHOLD", "MACD_MAX_THRESHOLD", "VOLUME_MAX_THRESHOLD", "MOMENTUM_MAX_THRESHOLD",
    "DEFAULT_RSI_THRESHOLD", "DEFAULT_CONFIDENCE_THRESHOLD", "DEFAULT_MACD_THRESHOLD",
    "DEFAULT_VOLUME_THRESHOLD", "DEFAULT_MOMENTUM_THRESHOLD", "WEIGHT_TOTAL_RETURN", "WEIGHT_SHARPE_RATIO",
    "WEIGHT_WIN_RATE", "WEIGHT_MAX_DRAWDOWN", "WEIGHT_VOLATILITY", "MAX_ADAPTATION_PER_CYCLE",
    "MIN_ADAPTATION_THRESHOLD", "ADAPTATION_COOLDOWN_HOURS", "LOG_LEVEL", "LOG_FORMAT", "LOG_FILE_PATH",
    "LOG_MAX_FILE_SIZE", "LOG_BACKUP_COUNT", "ENABLE_JSON_LOGGING", "ENABLE_REQUEST_ID",
    "ML_SERVICE_ADMIN_KEY", "ADMIN_API_KEY", "FLASK_SECRET_KEY", "CORS_ORIGINS", "ENABLE_RATE_LIMITING",
    "RATE_LIMIT_PER_MINUTE", "MAX_REQUEST_SIZE", "REQUEST_TIMEOUT", "ENABLE_METRICS", "METRICS_PORT",
    "HEALTH_CHECK_TIMEOUT", "ENABLE_PERFORMANCE_TRACKING", "PERFORMANCE_SAMPLE_RATE",
    "ALERT_ON_ADAPTATION_FAILURE", "ALERT_ON_DB_FAILURE", "ALERT_POOR_PERFORMANCE_THRESHOLD",
    "ENABLE_REDIS_CACHE", "REDIS_URL", "CACHE_DEFAULT_TTL", "MEMORY_CACHE_SIZE", "SLACK_WEBHOOK_URL",
    "SENTRY_DSN", "ML_SERVICE_CONFIG_FILE", "ML_SERVICE_DATA_DIR",
]
"""What the service before this one read."""
# fmt: on

SECRET_VARIABLES = [name for name, path in VARIABLES.items() if path in SECRETS]


def written(folder: Path, text: str, name: str = "bot.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def mistakes(environ: dict[str, str], file: Path | None = None) -> dict[str, str]:
    """The message of every mistake by its path."""
    with pytest.raises(Misconfigured) as caught:
        load_settings(environ, file)
    return {error.path: error.message for error in caught.value.errors}


# Defaults and presets


def test_the_defaults_are_those_of_the_domain():
    defaults = Settings()

    assert defaults.adaptation_policy == AdaptationPolicy()
    assert list(defaults.gate_policy) == list(PARAMETERS)
    assert defaults.gate_policy["rsi_threshold"] == Limits(default=70.0, low=50.0, high=90.0)
    assert defaults.gate_policy["volume_threshold"] == Limits(default=1e9, low=1e8, high=1e10)


def test_every_field_of_the_adaptation_policy_is_a_setting():
    assert set(AdaptationSettings.model_fields) - {"automatic"} == {field.name for field in fields(AdaptationPolicy)}
    assert set(ScoreWeights.model_fields) == set(SCORE_WEIGHTS)


def test_the_defaults_of_the_documents_are_kept():
    defaults = load_settings({})

    assert defaults.server.host == "127.0.0.1"
    assert defaults.server.port == 5000
    assert defaults.adaptation.learning_rate == 0.01
    assert defaults.adaptation.performance_window == 100
    assert defaults.adaptation.trades_min == 10
    assert defaults.database.pool_size == 10
    assert defaults.monitoring.metrics_enabled is True
    assert defaults.logging.level == "INFO"
    assert defaults.notices == ()


@pytest.mark.parametrize("environment", PRESETS)
def test_every_preset_loads_and_could_start_with_a_key(environment):
    loaded = load_settings({"ENVIRONMENT": environment, "ML_SERVICE_ADMIN_KEY": "a-key-of-our-own"})

    assert loaded.environment == environment
    assert loaded.recording.decision_sync == "full"
    assert check(loaded) == ()


@pytest.mark.parametrize("environment", PRESETS)
def test_a_preset_says_only_what_differs_from_the_defaults(environment):
    preset = yaml.safe_load((ROOT / "config" / f"{environment}.yaml").read_text(encoding="utf-8"))
    defaults = flat(Settings())

    for section, values in preset.items():
        for name, value in values.items():
            assert value != defaults[f"{section}.{name}"]


def test_staging_is_production_under_another_name():
    staging, production = (load_settings({"ENVIRONMENT": name}) for name in ("staging", "production"))

    assert changed_paths(staging, production) == ("environment",)


# The example file


def test_the_example_file_equals_the_defaults():
    assert load_settings({}, EXAMPLE) == Settings()


def test_the_example_file_names_every_setting_and_every_variable():
    text = EXAMPLE.read_text(encoding="utf-8")

    assert leaf_paths(yaml.safe_load(text)) == set(FIELDS)
    assert [name for name in VARIABLES if not re.search(rf"\b{name}\b", text)] == []


def leaf_paths(group, prefix=""):
    paths: set[str] = set()
    for name, value in group.items():
        paths |= leaf_paths(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}"}
    return paths


# Layers


def test_a_preset_wins_over_the_defaults():
    assert Settings().logging.format == "json"
    assert load_settings({}).logging.format == "text"


def test_a_file_wins_over_the_preset(tmp_path):
    file = written(tmp_path, "logging: {format: json}\nserver: {port: 6000}\n")

    loaded = load_settings({}, file)

    assert loaded.logging.format == "json"
    assert loaded.server.port == 6000


def test_the_environment_wins_over_a_file(tmp_path):
    file = written(tmp_path, "server: {port: 6000, host: 127.0.0.2}\n")

    loaded = load_settings({"PORT": "7000"}, file)

    assert loaded.server.port == 7000
    assert loaded.server.host == "127.0.0.2"


def test_the_generic_name_wins_over_the_short_one():
    loaded = load_settings({"PORT": "7000", "ML_SERVICE__SERVER__PORT": "8000"})

    assert loaded.server.port == 8000


def test_the_generic_name_reaches_every_setting():
    loaded = load_settings(
        {
            "ML_SERVICE__GATE__MA_CROSSOVER_THRESHOLD__ON_MISSING": "abstain",
            "ML_SERVICE__ADAPTATION__SCORE_WEIGHTS__WIN_RATE": "0.4",
            "ML_SERVICE__RECORDING__RECORD_WAIT_MS": "10",
        }
    )

    assert loaded.gate_policy["ma_crossover_threshold"].on_missing == "abstain"
    assert loaded.adaptation_policy.score_weights["win_rate"] == 0.4
    assert loaded.recording.record_wait_ms == 10


def test_the_argument_wins_over_the_variable_that_names_a_file(tmp_path):
    named = written(tmp_path, "server: {port: 6000}", "named.yaml")
    given_directly = written(tmp_path, '{"server": {"port": 6001}}', "given.json")

    assert load_settings({CONFIG_FILE: str(named)}).server.port == 6000
    assert load_settings({CONFIG_FILE: str(named)}, given_directly).server.port == 6001


def test_a_file_may_choose_the_environment(tmp_path):
    file = written(tmp_path, "environment: production")

    assert load_settings({}, file).server.drain_ms == 5000
    assert load_settings({"ENVIRONMENT": "testing"}, file).environment == "testing"


def test_an_empty_variable_counts_as_unset():
    assert load_settings({"PORT": "", "DATABASE_URL": "  ", CONFIG_FILE: ""}) == load_settings({})


def test_an_empty_group_counts_as_unset(tmp_path):
    assert load_settings({}, written(tmp_path, "server:\n  # port: 6000\ngate:\n")) == load_settings({})


# Names of the existing service


def test_the_older_form_of_a_file_is_read(tmp_path):
    file = written(
        tmp_path,
        """
        adaptation:
          default_learning_rate: 0.02
          performance_window: 200
          rsi_bounds: [40.0, 80.0]
          performance_weights: {total_return: 0.5}
          default_parameters: {rsi_threshold: 65}
          min_trades_for_adaptation: 20
        """,
    )

    loaded = load_settings({}, file)

    assert loaded.gate_policy["rsi_threshold"] == Limits(default=65.0, low=40.0, high=80.0)
    assert loaded.adaptation_policy.score_weights == {**SCORE_WEIGHTS, "total_return": 0.5}
    assert loaded.adaptation.learning_rate == 0.02
    assert loaded.adaptation.performance_window == 200
    assert loaded.adaptation.trades_min == 20


def test_an_older_name_beside_the_new_one_is_a_mistake(tmp_path):
    file = written(tmp_path, "adaptation: {learning_rate: 0.02, default_learning_rate: 0.03}")

    assert mistakes({}, file) == {
        "adaptation.default_learning_rate": "adaptation.learning_rate is given twice (in bot.yaml)"
    }


@pytest.mark.parametrize("name", EXISTING_NAMES)
def test_every_existing_name_is_read_or_noticed(name):
    noticed = load_settings({name: "1"}).notices if name not in VARIABLES and name != CONFIG_FILE else ()

    assert name in VARIABLES or name == CONFIG_FILE or any(notice.startswith(f"{name} ") for notice in noticed)


@pytest.mark.parametrize("name", ["MIN", "MAX", "DEFAULT"])
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_parameter_of_the_gate_has_its_variables(name, parameter):
    short = parameter.removesuffix("_threshold").upper()

    assert (f"DEFAULT_{short}_THRESHOLD" if name == "DEFAULT" else f"{short}_{name}_THRESHOLD") in VARIABLES


def test_every_variable_reaches_a_setting():
    assert set(VARIABLES.values()) <= set(FIELDS)
    assert not set(VARIABLES) & set(RETIRED)


def test_every_secret_has_a_variable():
    assert set(VARIABLES.values()) >= SECRETS


def test_a_layout_of_a_log_line_is_noticed_and_not_a_mistake():
    loaded = load_settings({"LOG_FORMAT": "%(asctime)s - %(message)s", "ENABLE_JSON_LOGGING": "true"})

    assert loaded.logging.format == "json"
    assert loaded.notices == ("LOG_FORMAT no longer takes the layout of a line: set json or text",)


@pytest.mark.parametrize(
    ("environ", "format_"),
    [
        ({"ENABLE_JSON_LOGGING": "false", "ENVIRONMENT": "production"}, "text"),
        ({"ENABLE_JSON_LOGGING": "True"}, "json"),
        ({"LOG_FORMAT": "JSON", "ENABLE_JSON_LOGGING": "false"}, "json"),
    ],
)
def test_both_variables_choose_the_format_of_the_log(environ, format_):
    assert load_settings(environ).logging.format == format_


def test_our_admin_key_wins_over_the_older_name():
    both = load_settings({"ADMIN_API_KEY": "older", "ML_SERVICE_ADMIN_KEY": "ours"})

    assert both.security.admin_key == SecretStr("ours")
    assert both.notices == ("ADMIN_API_KEY is not used, for ML_SERVICE_ADMIN_KEY is set",)
    assert load_settings({"ADMIN_API_KEY": "older"}).security.admin_key == SecretStr("older")


def test_a_slip_in_one_of_our_names_is_noticed():
    loaded = load_settings({"ML_SERVICE_TRUSTED_NETWORKS": "10.0.0.0/8", "ML_SERVICE_URL": "http://ml-service:5000"})

    assert loaded.notices == ("ML_SERVICE_TRUSTED_NETWORKS is not read; did you mean ML_SERVICE_TRUSTED_NETWORK?",)


# Mistakes


def test_every_mistake_of_every_layer_is_reported_at_once(tmp_path):
    file = written(
        tmp_path,
        """
        server: {port: 70000, prot: 1}
        gate: {rsi_threshold: {low: 95}, rsi: {low: 1}}
        database: {url: "postgresql://bot:hunter2@db/bot"}
        retention: 30
        adaptation: {rsi_bounds: 5}
        """,
    )

    found = mistakes({"PORT": "abc", "ENVIRONMENT": "prod", "ML_SERVICE__REDIS__URI": "9"}, file)

    assert found == {
        "redis.uri (ML_SERVICE__REDIS__URI)": "there is no such setting; did you mean redis.url?",
        "server.prot": "there is no such setting; did you mean server.port? (in bot.yaml)",
        "gate.rsi": "there is no such setting; did you mean gate.rsi_threshold? (in bot.yaml)",
        "retention": "expected a group of settings, found 30 (in bot.yaml)",
        "adaptation.rsi_bounds": "expected a list of two numbers, the lowest and the highest (in bot.yaml)",
        "server.port": "expected an integer from 1 to 65535, found 70000 (in bot.yaml)",
        "database.url": "expected only in the environment (DATABASE_URL): a secret does not belong in a file"
        " (in bot.yaml)",
        "server.port (PORT)": 'expected an integer from 1 to 65535, found "abc"',
        "environment (ENVIRONMENT)": 'expected one of development, testing, staging, production, found "prod"',
        "gate.rsi_threshold.low": "expected at most high (90), found 95",
    }


@pytest.mark.parametrize(
    ("environ", "path", "message"),
    [
        (
            {"ENABLE_METRICS": "maybe"},
            "monitoring.metrics_enabled (ENABLE_METRICS)",
            'expected true or false, found "maybe"',
        ),
        (
            {"ENABLE_JSON_LOGGING": "maybe"},
            "logging.format (ENABLE_JSON_LOGGING)",
            'expected true or false, found "maybe"',
        ),
        (
            {"WEIGHT_WIN_RATE": "nan"},
            "adaptation.score_weights.win_rate (WEIGHT_WIN_RATE)",
            'expected a finite number from -100 to 100, found "nan"',
        ),
        (
            {"RSI_MAX_THRESHOLD": "inf"},
            "gate.rsi_threshold.high (RSI_MAX_THRESHOLD)",
            'expected a finite number, found "inf"',
        ),
        (
            {"RSI_MAX_THRESHOLD": "120"},
            "gate.rsi_threshold.high (RSI_MAX_THRESHOLD)",
            "expected at most 100, for no signal carries more, found 120",
        ),
        (
            {"CONFIDENCE_MIN_THRESHOLD": "-0.1"},
            "gate.confidence_threshold.low (CONFIDENCE_MIN_THRESHOLD)",
            "expected at least 0, for no signal carries less, found -0.1",
        ),
        (
            {"VOLUME_MIN_THRESHOLD": "0"},
            "gate.volume_threshold.low (VOLUME_MIN_THRESHOLD)",
            "expected more than 0 on a log scale, found 0",
        ),
        (
            {"RSI_MIN_THRESHOLD": "75"},
            "gate.rsi_threshold.default",
            "expected from low (75) to high (90), found 70",
        ),
        (
            {"ADAPTATION_LEARNING_RATE": "0.5"},
            "adaptation.learning_rate (ADAPTATION_LEARNING_RATE)",
            "expected from learning_rate_min (0.001) to learning_rate_max (0.1), found 0.5",
        ),
        (
            {"ADAPTATION_MIN_LEARNING_RATE": "0.5"},
            "adaptation.learning_rate_min (ADAPTATION_MIN_LEARNING_RATE)",
            "expected at most learning_rate_max (0.1), found 0.5",
        ),
        (
            {"ENABLE_REDIS_CACHE": "true"},
            "redis.url",
            "expected a URL in REDIS_URL, for redis.enabled is true",
        ),
        (
            {"HOST": "300.1.2.3"},
            "server.host (HOST)",
            'expected an address or a host name, found "300.1.2.3"',
        ),
        (
            {"CORS_ORIGINS": "*"},
            "security.cors_origins (CORS_ORIGINS)",
            'expected origins such as https://desk.example.com, found "*"',
        ),
        (
            {"ML_SERVICE_TRUSTED_NETWORK": "10.0.0.1/8, 0.0.0.0/0, desk, 10.0.0.0/8"},
            "security.trusted_network (ML_SERVICE_TRUSTED_NETWORK)",
            'expected networks such as 10.0.0.0/8, found "10.0.0.1/8" (the network is 10.0.0.0/8),'
            ' "0.0.0.0/0", which trusts every address, "desk"',
        ),
        (
            {"ML_SERVICE__TRADES__TABLE": "trades; DROP TABLE users"},
            "trades.table (ML_SERVICE__TRADES__TABLE)",
            'expected a table name such as trades or public.trades, found "trades; DROP TABLE users"',
        ),
        (
            {"ML_SERVICE_DATA_DIR": "a\x00b"},
            "data_dir (ML_SERVICE_DATA_DIR)",
            "expected text without control characters",
        ),
        (
            {"PORT": "postgresql://bot:hunter2@db/bot"},
            "server.port (PORT)",
            "expected an integer from 1 to 65535, found a URL with credentials",
        ),
    ],
)
def test_a_mistake_says_where_it_is_what_was_expected_and_what_was_found(environ, path, message):
    assert mistakes(environ) == {path: message}


def test_a_truth_value_is_no_number(tmp_path):
    file = written(tmp_path, "server: {port: true}")

    assert mistakes({}, file) == {"server.port": "expected an integer from 1 to 65535, found true (in bot.yaml)"}


def test_slots_leave_a_thread_free():
    found = mistakes({"ML_SERVICE__SERVER__THREADS": "50"})

    assert list(found) == ["server.threads (ML_SERVICE__SERVER__THREADS)"]
    assert "expected more than 386" in found["server.threads (ML_SERVICE__SERVER__THREADS)"]
    assert load_settings({"ML_SERVICE__SERVER__THREADS": "387"}).server.threads == 387


def test_a_wrong_value_starts_no_complaints_about_its_neighbours():
    assert list(mistakes({"RSI_MIN_THRESHOLD": "abc", "DEFAULT_RSI_THRESHOLD": "40"})) == [
        "gate.rsi_threshold.low (RSI_MIN_THRESHOLD)"
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "bot.yaml",
            "server:\n  port: 1\n  port: 2\n",
            "expected YAML, found a key that is given twice at line 3",
        ),
        ("bot.yaml", "server: [1,\n", "expected YAML, found a mistake at line 2"),
        ("bot.yaml", "- server\n", "expected groups of settings, found a list"),
        ("bot.yaml", "server: 2024-99-99\n", "expected YAML that can be read"),
        (
            "bot.yaml",
            "server: {port: !!python/object/apply:os.getcwd []}\n",
            "expected YAML, found a mistake at line 1",
        ),
        ("bot.json", '{"server": \n hunter2}', "expected JSON, found a mistake at line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_mistake_with_its_path(tmp_path, name, text, message):
    file = written(tmp_path, text, name)

    assert mistakes({}, file) == {str(file): message}


def test_a_missing_file_is_a_mistake_beside_the_others(tmp_path):
    missing = tmp_path / "none.yaml"

    found = mistakes({CONFIG_FILE: str(missing), "PORT": "0"})

    assert found == {
        str(missing): "expected a file that can be read: No such file or directory",
        "server.port (PORT)": 'expected an integer from 1 to 65535, found "0"',
    }


def test_a_recursive_file_is_a_mistake_and_no_endless_walk(tmp_path):
    found = mistakes({}, written(tmp_path, "server: &again\n  port: 6000\n  server: *again\n"))

    assert list(found) == ["server.server"]


def test_notices_cannot_be_given(tmp_path):
    assert list(mistakes({}, written(tmp_path, "notices: [all is well]"))) == ["notices"]


# Databases


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        ("postgres://bot:pw@db:5432/bot", "postgresql+psycopg2://bot:pw@db:5432/bot"),
        ("postgresql://bot:p#w/x@[::1]:5432/bot", "postgresql+psycopg2://bot:p#w/x@[::1]:5432/bot"),
        (
            "postgresql+psycopg2:///bot?host=/run/postgresql",
            "postgresql+psycopg2:///bot?host=/run/postgresql",
        ),
        ("sqlite:////srv/bot.db", "sqlite:////srv/bot.db"),
    ],
)
def test_a_database_address_names_its_driver(given_url, used):
    assert load_settings({"DATABASE_URL": given_url}).database_url == used


@pytest.mark.parametrize(
    "wrong",
    ["mysql://db/bot", "bot.db", "sqlite://", "sqlite:///:memory:", "postgresql://", "postgres://db:x/bot"],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "TRADES_DATABASE_URL"])
def test_another_database_address_is_refused_and_not_repeated(name, wrong):
    ((path, message),) = mistakes({name: wrong}).items()

    assert path.endswith(f"({name})")
    assert wrong not in message.replace("postgresql://user", "").replace("sqlite:///var", "").split(" ")


def test_without_an_address_the_store_is_a_file_in_the_data_folder():
    loaded = load_settings({"ML_SERVICE_DATA_DIR": "/srv/ml"})

    assert loaded.database_url == "sqlite:////srv/ml/ml_service.db"
    assert loaded.is_embedded


@pytest.mark.parametrize("url", [{}, {"DATABASE_URL": "postgresql://db/bot"}])
def test_two_web_processes_serve_unless_another_number_is_given(url):
    assert load_settings(url).server.workers == 2
    assert load_settings({**url, "WORKERS": "4"}).server.workers == 4


# Secrets


def test_a_secret_is_shown_nowhere():
    values = {
        "DATABASE_URL": "postgresql://bot:hunter2@db/bot",
        "TRADES_DATABASE_URL": "postgresql://bot:hunter2@db/trades",
        "REDIS_URL": "redis://:hunter2@cache/0",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.example/hunter2",
        "SENTRY_DSN": "https://hunter2@sentry.example/1",
    }
    environ = {name: values.get(name, "hunter2") for name in SECRET_VARIABLES}

    loaded = load_settings(environ)

    assert "hunter2" not in repr(loaded) + str(loaded)
    assert b"hunter2" not in orjson.dumps(loaded.document())
    assert "hunter2" not in "".join(loaded.notices) + "".join(changed_paths(loaded, load_settings({})))


@pytest.mark.parametrize("name", SECRET_VARIABLES)
def test_a_wrong_secret_is_not_repeated(name):
    for text in (
        "hunter2",
        "hunter2\x07",
        "mysql://bot:hunter2@db/bot",
        "postgresql://bot:hunter2@db:port/bot",
    ):
        try:
            load_settings({name: text})
        except Misconfigured as error:
            assert "hunter2" not in str(error)


@pytest.mark.parametrize("path", sorted(SECRETS))
def test_a_secret_in_a_file_is_refused_and_not_repeated(tmp_path, path):
    section, name = path.split(".")
    file = written(tmp_path, f"{section}:\n  {name}: hunter2\n  pasword: hunter2\n")

    found = mistakes({}, file)

    assert set(found) == {path, f"{section}.pasword"}
    assert "only in the environment" in found[path]
    assert "hunter2" not in str(found)


def test_a_damaged_file_is_not_repeated(tmp_path):
    for name, text in (
        ("a.yaml", "key: *hunter2"),
        ("b.yaml", "a: b: hunter2"),
        ("c.json", '{"a": hunter2}'),
    ):
        assert "hunter2" not in str(mistakes({}, written(tmp_path, text, name)))


# The document and its hash


def test_the_document_holds_neither_secrets_nor_paths_of_this_host():
    document = load_settings({"ML_SERVICE_ADMIN_KEY": "hunter2", "LOG_FILE_PATH": "/var/log/ml.log"}).document()

    left_out = set(FIELDS) - leaf_paths(document)

    assert left_out == SECRETS | {"data_dir", "security.api_keys_file", "logging.file_path"}


def test_the_document_is_sorted_and_survives_json():
    document = load_settings({}).document()

    assert orjson.loads(orjson.dumps(document)) == document
    assert orjson.dumps(document) == orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def test_the_hash_is_the_same_for_the_same_settings_on_any_host():
    here = load_settings({"ML_SERVICE_DATA_DIR": "/here", "ML_SERVICE_ADMIN_KEY": "one"})
    there = load_settings({"ML_SERVICE_DATA_DIR": "/there", "DATABASE_URL": "postgresql://db/bot"})

    assert here.hash == there.hash
    assert re.fullmatch(r"[0-9a-f]{16}", here.hash)


@pytest.mark.parametrize("name", ["low", "high", "default"])
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_the_hash_changes_with_every_limit_of_the_gate(parameter, name):
    limits = Settings().gate_policy[parameter]
    moved = {"low": 0.9 * limits.low + 0.1 * limits.high, "high": 0.1 * limits.low + 0.9 * limits.high}
    moved["default"] = 0.45 * limits.low + 0.55 * limits.high
    given_default = f"ML_SERVICE__GATE__{parameter.upper()}__DEFAULT"
    base = {given_default: str(0.5 * (limits.low + limits.high))}

    changed = {**base, f"ML_SERVICE__GATE__{parameter.upper()}__{name.upper()}": str(moved[name])}

    assert load_settings(base).hash != load_settings(changed).hash


def test_a_copy_is_checked_and_gets_a_hash_of_its_own():
    original = Settings()
    before = original.hash

    copied = original.model_copy(update={"server": ServerSettings(threads=500)})

    assert copied.hash != before
    with pytest.raises(ValidationError):
        original.model_copy(update={"server": ServerSettings(threads=10)})


def test_the_gate_policy_comes_back_from_a_stored_document():
    loaded = load_settings({"RSI_MIN_THRESHOLD": "40", "ML_SERVICE__GATE__RSI_THRESHOLD__ON_MISSING": "reject"})

    restored = policy_from(orjson.loads(orjson.dumps(loaded.document())))

    assert restored == loaded.gate_policy
    assert list(restored) == list(PARAMETERS)


def test_a_parameter_younger_than_the_document_has_todays_limits():
    document = Settings().document()
    del document["gate"]["momentum_threshold"]

    assert policy_from(document) == Settings().gate_policy


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(ValidationError):
        Settings().environment = "testing"


# Changes


def test_changes_are_named_and_sorted_by_what_needs_a_restart():
    old = load_settings({})
    new = load_settings(
        {
            "PORT": "6000",
            "ML_SERVICE_TRUSTED_NETWORK": "10.0.0.0/8",
            "RSI_MIN_THRESHOLD": "40",
            "LOG_LEVEL": "debug",
            "ML_SERVICE_ADMIN_KEY": "hunter2",
            "DATABASE_URL": "postgresql://db/bot",
        }
    )

    assert changed_paths(old, new) == (
        "database.url",
        "gate.rsi_threshold.low",
        "logging.level",
        "security.admin_key",
        "security.trusted_network",
        "server.port",
    )
    assert needs_restart(old, new) == ("database.url", "security.trusted_network", "server.port")
    assert changed_paths(old, old) == ()


# Starting


@pytest.mark.parametrize(
    "environ",
    [
        {"HOST": "0.0.0.0"},
        {"HOST": "::"},
        {"HOST": "ml-service"},
        {"ENVIRONMENT": "staging"},
        {"ENVIRONMENT": "production"},
    ],
)
def test_without_a_key_or_a_trusted_network_a_start_that_others_can_reach_is_refused(environ):
    open_to_all = load_settings(environ)
    keyed = load_settings({**environ, "ADMIN_API_KEY": "a-key-of-our-own"})
    trusting = load_settings({**environ, "ML_SERVICE_TRUSTED_NETWORK": "172.20.0.0/16"})

    (complaint,) = unsafe_start(open_to_all, seeded_keys=0)

    assert "ML_SERVICE_ADMIN_KEY" in complaint.message
    assert "ML_SERVICE_TRUSTED_NETWORK" in complaint.message
    assert check(open_to_all) == (complaint,)
    assert unsafe_start(open_to_all, seeded_keys=1) == ()
    assert unsafe_start(keyed, seeded_keys=0) == ()
    assert unsafe_start(trusting, seeded_keys=0) == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_a_desk_needs_no_key(host):
    assert unsafe_start(load_settings({"HOST": host}), seeded_keys=0) == ()


def test_the_key_of_an_example_file_is_no_key():
    known_to_all = load_settings({"HOST": "0.0.0.0", "ADMIN_API_KEY": "change-me-in-production"})

    assert len(unsafe_start(known_to_all, seeded_keys=0)) == 1


@pytest.mark.parametrize(
    "environ", [{"HOST": "0.0.0.0"}, {"HOST": "::"}, {"ENVIRONMENT": "staging"}, {"ENVIRONMENT": "production"}]
)
def test_a_short_admin_key_is_refused_where_others_come_by(environ):
    short = load_settings({**environ, "ML_SERVICE_ADMIN_KEY": "fifteen-letters"})
    long = load_settings({**environ, "ML_SERVICE_ADMIN_KEY": "sixteen-letters!"})
    trusting = load_settings({**environ, "ADMIN_API_KEY": "short", "ML_SERVICE_TRUSTED_NETWORK": "172.20.0.0/16"})

    (complaint,) = unsafe_start(short, seeded_keys=1)

    assert complaint.path == "security.admin_key (ML_SERVICE_ADMIN_KEY)"
    assert "at least 16 characters" in complaint.message
    assert "fifteen" not in complaint.message
    assert check(short) == (complaint,)
    assert len(unsafe_start(trusting, seeded_keys=0)) == 1
    assert unsafe_start(long, seeded_keys=0) == ()


@pytest.mark.parametrize("environment", ["development", "testing"])
def test_on_a_desk_a_short_admin_key_will_do(environment):
    short = load_settings({"ENVIRONMENT": environment, "ML_SERVICE_ADMIN_KEY": "boss"})

    assert unsafe_start(short, seeded_keys=0) == ()


def test_thresholds_that_could_never_move_fail_the_check():
    stuck = load_settings({"MIN_ADAPTATION_THRESHOLD": "0.2"})

    assert [complaint.path for complaint in check(stuck)] == ["adaptation.change_share_min"]


# Whatever the environment holds

ANY_NAME = st.sampled_from(
    sorted({*VARIABLES, *RETIRED, CONFIG_FILE}) + [f"ML_SERVICE__{path.upper().replace('.', '__')}" for path in FIELDS]
)
ANY_TEXT = st.one_of(
    st.text(st.characters()),
    st.from_regex(r"(postgres|postgresql|sqlite|redis|https?)://[\x20-\x7e]{0,30}", fullmatch=True),
    st.integers().map(str),
    st.floats().map(str),
    st.ip_addresses().map(str),
    st.sampled_from(["true", "json", "production", "testing", "10.0.0.0/8", "[::1]", "%(", "9" * 5000, "/", "\ud800"]),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(ANY_NAME, ANY_TEXT, max_size=6))
def test_any_environment_gives_settings_or_says_what_is_wrong(environ):
    try:
        loaded = load_settings(environ)
    except Misconfigured as error:
        assert error.errors
        str(error).encode("utf-8")
    else:
        assert len(loaded.hash) == 16
        assert policy_from(loaded.document()) == loaded.gate_policy
        unsafe_start(loaded, seeded_keys=0)


# Exploration


def test_nothing_is_explored_unless_it_is_asked_for():
    assert load_settings({}).adaptation_policy.exploration == 0.0


@pytest.mark.parametrize("share", ["-0.01", "0.21", "nan", "much"])
def test_a_share_beyond_a_fifth_is_refused(share):
    (message,) = mistakes({"ML_SERVICE__ADAPTATION__EXPLORATION": share}).values()

    assert "from 0 to 0.2" in message


def test_whoever_starts_the_service_is_told_that_it_explores():
    loaded = load_settings({"ML_SERVICE__ADAPTATION__EXPLORATION": "0.05"})

    assert loaded.adaptation_policy.exploration == 0.05
    assert loaded.notices == ("adaptation.exploration is on: 5 % of the signals that miss a limit are taken to learn",)


def test_exploration_is_taken_over_while_running_and_changes_the_hash():
    old, new = load_settings({}), load_settings({"ML_SERVICE__ADAPTATION__EXPLORATION": "0.05"})

    assert (changed_paths(old, new), needs_restart(old, new)) == (("adaptation.exploration",), ())
    assert old.hash != new.hash


# Regimes


def test_regimes_are_kept_apart_only_where_it_is_asked_for():
    asked = load_settings({"ML_SERVICE__ADAPTATION__REGIMES": "Separate"})

    assert load_settings({}).adaptation_policy.regimes == "together"
    assert asked.adaptation_policy.regimes == "separate"


def test_another_word_for_keeping_regimes_apart_is_refused():
    (message,) = mistakes({"ML_SERVICE__ADAPTATION__REGIMES": "off"}).values()

    assert "together" in message
    assert "separate" in message
