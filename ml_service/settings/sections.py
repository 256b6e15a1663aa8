"""The groups of settings: each field with its type, range and default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from ml_service.domain.adaptation import SCORE_WEIGHTS, AdaptationPolicy
from ml_service.domain.market.intervals import Interval
from ml_service.domain.market.settlement import Costs
from ml_service.domain.models.speaking import SLOWEST_MS
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import OnMissing
from ml_service.settings.kinds import (
    DatabaseUrl,
    Host,
    Lower,
    Networks,
    Origins,
    RedisUrl,
    TableName,
    Upper,
    WebUrl,
    number,
    whole,
)

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

POLICY = AdaptationPolicy()
COSTS = Costs()


class Section(BaseModel):
    model_config = STRICT


class ServerSettings(Section):
    kind: Annotated[Literal["granian", "gunicorn"], Lower] = "granian"
    host: Host = "127.0.0.1"
    port: int = whole(5000, 1, 65535)
    workers: int = whole(2, 1, 64)
    """Web processes; Python keeps each of them to one processor."""
    threads: int = whole(448, 4, 1024)
    decision_slots: int = whole(8, 1, 512)
    decision_waiting: int = whole(320, 0, 512)
    outcome_waiting: int = whole(32, 0, 512)
    store_slots: int = whole(8, 1, 256)
    slow_slots: int = whole(2, 1, 64)
    slot_wait_ms: int = whole(150, 0, 10_000)
    body_bytes_max: int = whole(262_144, 1_024, 67_108_864)
    batch_bytes_max: int = whole(1_048_576, 1_024, 67_108_864)
    body_seconds_max: float = number(4.0, 0.5, 300)
    drain_ms: int = whole(1_000, 0, 25_000)
    request_timeout_s: int = whole(30, 1, 600)


class SecuritySettings(Section):
    trusted_network: Networks = ()
    api_keys_file: Path | None = None
    admin_key: SecretStr | None = None
    signing_key: SecretStr | None = None
    """None: a key of its own, made at the first start."""
    cors_origins: Origins = ()
    rate_limit_enabled: bool = True
    rate_limit_per_minute: int = whole(60_000, 1, 100_000_000)


class DatabaseSettings(Section):
    url: DatabaseUrl = None
    pool_size: int = whole(10, 1, 200)
    pool_overflow: int = whole(5, 0, 200)
    pool_timeout_s: float = number(2.0, 0.05, 300)
    pool_recycle_s: int = whole(1_800, 1, 604_800)
    echo: bool = False
    connect_timeout_ms: int = whole(2_000, 100, 60_000)
    answer_timeout_ms: int = whole(3_000, 100, 600_000)


class TradesSettings(Section):
    url: DatabaseUrl = None
    table: TableName = "trades"
    poll_seconds: int = whole(30, 1, 86_400)


class GateLimits(Section):
    default: float
    low: float
    high: float
    on_missing: Annotated[OnMissing, Lower] = "ignore"


def completed(given: Any) -> Any:
    """What is not given comes from the shelf of parameters."""
    if not isinstance(given, Mapping):
        return given
    of_the_shelf = {
        name: {"default": parameter.default, "low": parameter.low, "high": parameter.high}
        for name, parameter in PARAMETERS.items()
    }
    unknown = given.keys() - of_the_shelf.keys()
    if unknown:
        raise ValueError(f"expected parameters of the gate, found {', '.join(sorted(map(str, unknown)))}")
    return {
        name: {**limits, **given.get(name, {})} if isinstance(given.get(name, {}), Mapping) else given[name]
        for name, limits in of_the_shelf.items()
    }


Gate = Annotated[dict[str, GateLimits], BeforeValidator(completed)]
"""One entry per parameter of the shelf, in its order."""


class ScoreWeights(Section):
    total_return: float = number(SCORE_WEIGHTS["total_return"], -100, 100)
    sharpe_ratio: float = number(SCORE_WEIGHTS["sharpe_ratio"], -100, 100)
    win_rate: float = number(SCORE_WEIGHTS["win_rate"], -100, 100)
    max_drawdown: float = number(SCORE_WEIGHTS["max_drawdown"], -100, 100)
    volatility: float = number(SCORE_WEIGHTS["volatility"], -100, 100)


class AdaptationSettings(Section):
    automatic: bool = True
    """Whether the worker adapts by itself what nobody came for; when asked, it is always done."""
    algorithm: Annotated[Literal["anchored", "composite"], Lower] = "anchored"
    preset: Annotated[Literal["cautious", "balanced", "eager"], Lower] = "balanced"
    pooling: float = number(POLICY.pooling, 0, 1)
    learning_rate: float = number(POLICY.learning_rate, 0, 1)
    learning_rate_min: float = number(POLICY.learning_rate_min, 0, 1)
    learning_rate_max: float = number(POLICY.learning_rate_max, 0, 1)
    performance_window: int = whole(POLICY.performance_window, 1, 1_000_000)
    trades_min: int = whole(POLICY.trades_min, 1, 1_000_000)
    frequency_hours: float = number(POLICY.frequency_hours, 0, 8_760)
    span_share_max: float = number(POLICY.span_share_max, 0, 1)
    change_share_min: float = number(POLICY.change_share_min, 0, 1)
    cooldown_hours: float = number(POLICY.cooldown_hours, 0, 8_760)
    utility: Annotated[Literal["net_r", "score"], Lower] = POLICY.utility
    regimes: Annotated[Literal["together", "separate"], Lower] = POLICY.regimes
    exploration: float = number(POLICY.exploration, 0, 0.2)
    score_weights: ScoreWeights = ScoreWeights()


class MarketSettings(Section):
    venue: Annotated[str | None, Lower] = None
    """Whose candles inform decisions, where a symbol has several; None: whichever there are."""
    interval: Annotated[Interval | None, Lower] = None
    """Of which length; None: the shortest there is."""


class SettlementSettings(Section):
    enabled: bool = True
    """Whether signals whose result nobody reported are marked to market, where there are candles."""
    horizon_minutes: int = whole(720, 1, 43_200)
    silent_hours: float = number(24.0, 0, 8_760)
    fee_percent: float = number(COSTS.fee_percent, 0, 10)
    slippage_percent: float = number(COSTS.slippage_percent, 0, 10)


class ModelSettings(Section):
    file_bytes_max: int = whole(268_435_456, 1_024, 4_294_967_296)
    """A larger file is no model here."""
    slowest_ms: float = number(SLOWEST_MS, 0.01, 10_000)
    """A graph that takes longer for one row does not get to serve."""
    retired_files_days: int = whole(180, 1, 36_500)
    """Afterwards the files of a retired model go; its row, manifest and history stay."""


class RecordingSettings(Section):
    record_wait_ms: int = whole(25, 0, 10_000)
    journal_wait_ms: int = whole(12, 0, 10_000)
    outcome_wait_ms: int = whole(250, 0, 60_000)
    unrecorded_rows_max: int = whole(10_000, 0, 10_000_000)
    decision_sync: Annotated[Literal["full", "normal"], Lower] = "full"
    """Of decisions alone: an outcome is always synced before it is acknowledged."""


class RetentionSettings(Section):
    decisions_days: int = whole(30, 1, 36_500)
    episodes_days: int = whole(730, 1, 36_500)
    outcomes_days: int | None = whole(None, 1, 36_500)
    """None: kept for ever."""
    events_days: int = whole(7, 1, 36_500)
    jobs_days: int = whole(180, 1, 36_500)
    shadow_results_days: int = whole(90, 1, 36_500)
    idempotency_hours: int = whole(24, 1, 8_760)
    batch_rows: int = whole(500, 1, 5_000)


class LoggingSettings(Section):
    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], Upper] = "INFO"
    format: Annotated[Literal["json", "text"], Lower] = "json"
    file_path: Path | None = None
    max_file_bytes: int = whole(10_485_760, 1_024, 10_737_418_240)
    backup_count: int = whole(5, 0, 1_000)


class MonitoringSettings(Section):
    metrics_enabled: bool = True


class RedisSettings(Section):
    enabled: bool = False
    url: RedisUrl = None


class NotifySettings(Section):
    slack_webhook_url: WebUrl = None
    sentry_dsn: WebUrl = None
