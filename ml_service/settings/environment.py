"""The environment: which variable steers which setting, and what became of those that no longer steer one."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from ml_service.domain.parameters import PARAMETERS
from ml_service.errors import FieldError
from ml_service.settings.fields import FIELDS, Wrong, unknown, valid
from ml_service.settings.given import Given, Layer

CONFIG_FILE = "ML_SERVICE_CONFIG_FILE"

GENERIC = "ML_SERVICE__"
"""`ML_SERVICE__SERVER__PORT` reaches `server.port`, and so for every setting. It wins over the short name."""

JSON_LOGGING = "ENABLE_JSON_LOGGING"


def bounds() -> Iterator[tuple[str, str]]:
    for name in PARAMETERS:
        short = name.removesuffix("_threshold").upper()
        yield f"{short}_MIN_THRESHOLD", f"gate.{name}.low"
        yield f"{short}_MAX_THRESHOLD", f"gate.{name}.high"
        yield f"DEFAULT_{short}_THRESHOLD", f"gate.{name}.default"


VARIABLES: Mapping[str, str] = {
    "ENVIRONMENT": "environment",
    "ML_SERVICE_DATA_DIR": "data_dir",
    "ML_SERVICE_SERVER": "server.kind",
    "HOST": "server.host",
    "PORT": "server.port",
    "WORKERS": "server.workers",
    "MAX_REQUEST_SIZE": "server.body_bytes_max",
    "REQUEST_TIMEOUT": "server.request_timeout_s",
    "ML_SERVICE_TRUSTED_NETWORK": "security.trusted_network",
    "ML_SERVICE_API_KEYS_FILE": "security.api_keys_file",
    "ML_SERVICE_ADMIN_KEY": "security.admin_key",
    "ADMIN_API_KEY": "security.admin_key",
    "ML_SERVICE_SIGNING_KEY": "security.signing_key",
    "CORS_ORIGINS": "security.cors_origins",
    "ENABLE_RATE_LIMITING": "security.rate_limit_enabled",
    "RATE_LIMIT_PER_MINUTE": "security.rate_limit_per_minute",
    "DATABASE_URL": "database.url",
    "DB_POOL_SIZE": "database.pool_size",
    "DB_MAX_OVERFLOW": "database.pool_overflow",
    "DB_POOL_TIMEOUT": "database.pool_timeout_s",
    "DB_POOL_RECYCLE": "database.pool_recycle_s",
    "DB_ECHO": "database.echo",
    "TRADES_DATABASE_URL": "trades.url",
    **dict(bounds()),
    "ADAPTATION_LEARNING_RATE": "adaptation.learning_rate",
    "ADAPTATION_MIN_LEARNING_RATE": "adaptation.learning_rate_min",
    "ADAPTATION_MAX_LEARNING_RATE": "adaptation.learning_rate_max",
    "ADAPTATION_PERFORMANCE_WINDOW": "adaptation.performance_window",
    "ADAPTATION_MIN_TRADES": "adaptation.trades_min",
    "ADAPTATION_FREQUENCY_HOURS": "adaptation.frequency_hours",
    "MAX_ADAPTATION_PER_CYCLE": "adaptation.span_share_max",
    "MIN_ADAPTATION_THRESHOLD": "adaptation.change_share_min",
    "ADAPTATION_COOLDOWN_HOURS": "adaptation.cooldown_hours",
    "WEIGHT_TOTAL_RETURN": "adaptation.score_weights.total_return",
    "WEIGHT_SHARPE_RATIO": "adaptation.score_weights.sharpe_ratio",
    "WEIGHT_WIN_RATE": "adaptation.score_weights.win_rate",
    "WEIGHT_MAX_DRAWDOWN": "adaptation.score_weights.max_drawdown",
    "WEIGHT_VOLATILITY": "adaptation.score_weights.volatility",
    "LOG_LEVEL": "logging.level",
    "LOG_FORMAT": "logging.format",
    JSON_LOGGING: "logging.format",
    "LOG_FILE_PATH": "logging.file_path",
    "LOG_MAX_FILE_SIZE": "logging.max_file_bytes",
    "LOG_BACKUP_COUNT": "logging.backup_count",
    "ENABLE_METRICS": "monitoring.metrics_enabled",
    "ENABLE_REDIS_CACHE": "redis.enabled",
    "REDIS_URL": "redis.url",
    "SLACK_WEBHOOK_URL": "notify.slack_webhook_url",
    "SENTRY_DSN": "notify.sentry_dsn",
}
"""Where two variables steer one setting, the first one wins."""

RETIRED: Mapping[str, str] = {
    "FLASK_SECRET_KEY": "there are no cookies to sign; callers carry keys (ML_SERVICE_API_KEYS_FILE)",
    "DEBUG": "there is no debugging mode; LOG_LEVEL=DEBUG tells more",
    "HEALTH_CHECK_TIMEOUT": "/health tells what is in memory, and waits for nothing",
    "METRICS_PORT": "/metrics answers on the port of the service (PORT)",
    "ENABLE_REQUEST_ID": "request ids are always on",
    "ENABLE_PERFORMANCE_TRACKING": "performance tracking is always on",
    "PERFORMANCE_SAMPLE_RATE": "every request is measured, none is sampled",
    "ENABLE_MEMORY_CACHE": "the snapshot in memory is always on",
    "MEMORY_CACHE_SIZE": "the snapshot in memory holds all thresholds and needs no size",
    "CACHE_DEFAULT_TTL": "the snapshot follows every change and needs no lifetime",
}

RETIRED_ALERTS = "ALERT_"
ALERTS_NOW = "alerts are always on, and go to the log"

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

OWN = "ML_SERVICE_"


def from_environment(environ: Mapping[str, str]) -> Layer:
    """An empty variable counts as one that is not set."""
    present = {name: text for name, value in environ.items() if (text := value.strip())}
    givens, mistakes = [], []
    for name, path in (*named(present), *generic(present)):
        label = f"{path} ({name})"
        try:
            givens.append(Given(path, read(name, path, present[name]), label))
        except Wrong as wrong:
            mistakes.append(FieldError(label, str(wrong)))
    return Layer(tuple(givens), tuple(mistakes), tuple(noticed(present)))


def named(present: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # The later value wins in a layer, so the first of two names has to come last.
    for name, path in reversed(tuple(VARIABLES.items())):
        if name in present and not is_layout(name, present[name]):
            yield name, path


def generic(present: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(present):
        if name.startswith(GENERIC):
            yield name, name.removeprefix(GENERIC).lower().replace("__", ".")


def read(name: str, path: str, text: str) -> str:
    if path not in FIELDS:
        raise Wrong(unknown(path, FIELDS))
    if UNPRINTABLE.search(text):
        raise Wrong("expected text without control characters")
    if name == JSON_LOGGING:
        # Any setting that is true or false may judge the word.
        return "json" if valid("monitoring.metrics_enabled", text) else "text"
    return text


def is_layout(name: str, text: str) -> bool:
    """LOG_FORMAT once held the layout of a line, such as `%(asctime)s %(message)s`."""
    return name == "LOG_FORMAT" and "%(" in text


def noticed(present: Mapping[str, str]) -> Iterator[str]:
    for name, text in sorted(present.items()):
        if name in RETIRED:
            yield f"{name} no longer steers anything: {RETIRED[name]}"
        elif name.startswith(RETIRED_ALERTS):
            yield f"{name} no longer steers anything: {ALERTS_NOW}"
        elif is_layout(name, text):
            yield "LOG_FORMAT no longer takes the layout of a line: set json or text"
        elif name.startswith(OWN) and (meant := meant_by(name)):
            yield f"{name} is not read; did you mean {meant}?"
    if "ML_SERVICE_ADMIN_KEY" in present and "ADMIN_API_KEY" in present:
        yield "ADMIN_API_KEY is not used, for ML_SERVICE_ADMIN_KEY is set"


def meant_by(name: str) -> str | None:
    """The variable of ours that this one nearly is; None when it is read, or is somebody else's."""
    ours = [known.removeprefix(OWN) for known in (*VARIABLES, CONFIG_FILE) if known.startswith(OWN)]
    rest = name.removeprefix(OWN)
    alike = [] if rest in ours or name.startswith(GENERIC) else get_close_matches(rest, ours, n=1, cutoff=0.8)
    return f"{OWN}{alike[0]}" if alike else None
