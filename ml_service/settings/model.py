"""Settings: every group in one frozen value, with its document and its hash."""

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import orjson
from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.domain.types import GatePolicy, Limits
from ml_service.errors import FieldError
from ml_service.settings import contradictions
from ml_service.settings.kinds import Folder, Lower
from ml_service.settings.sections import (
    AdaptationSettings,
    DatabaseSettings,
    Gate,
    LoggingSettings,
    MarketSettings,
    ModelSettings,
    MonitoringSettings,
    NotifySettings,
    RecordingSettings,
    RedisSettings,
    RetentionSettings,
    Section,
    SecuritySettings,
    ServerSettings,
    SettlementSettings,
    TradesSettings,
)

CONTRADICTION = "contradiction"
"""The type of the validation error that carries what `Settings.complaints` returned."""


class Settings(Section):
    environment: Annotated[Literal["development", "testing", "staging", "production"], Lower] = "development"
    data_dir: Folder = Path("var")
    server: ServerSettings = ServerSettings()
    security: SecuritySettings = SecuritySettings()
    database: DatabaseSettings = DatabaseSettings()
    trades: TradesSettings = TradesSettings()
    gate: Gate = Field(default={}, validate_default=True)
    adaptation: AdaptationSettings = AdaptationSettings()
    market: MarketSettings = MarketSettings()
    settlement: SettlementSettings = SettlementSettings()
    models: ModelSettings = ModelSettings()
    recording: RecordingSettings = RecordingSettings()
    retention: RetentionSettings = RetentionSettings()
    logging: LoggingSettings = LoggingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    redis: RedisSettings = RedisSettings()
    notify: NotifySettings = NotifySettings()
    notices: tuple[str, ...] = Field(default=(), exclude=True)
    """What the one who starts the service should know: names that no longer steer anything."""

    @property
    def database_url(self) -> str:
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'ml_service.db'}"

    @property
    def market_url(self) -> str:
        """Candles have a file of their own on SQLite, so that an import never stands in a decision's way."""
        return f"sqlite:///{self.data_dir / 'market.db'}" if self.is_embedded else self.database_url

    @property
    def is_embedded(self) -> bool:
        """The store is SQLite, a file on this host."""
        return self.database_url.startswith("sqlite:")

    @cached_property
    def gate_policy(self) -> GatePolicy:
        return {
            name: Limits(default=limits.default, low=limits.low, high=limits.high, on_missing=limits.on_missing)
            for name, limits in self.gate.items()
        }

    @cached_property
    def adaptation_policy(self) -> AdaptationPolicy:
        return AdaptationPolicy(**self.adaptation.model_dump(exclude={"automatic"}))

    def document(self) -> dict[str, Any]:
        """What a decision stores of the settings: neither a secret nor a path of this host is in it."""
        document = told(self)
        assert isinstance(document, dict)
        return document

    @cached_property
    def hash(self) -> str:
        canonical = orjson.dumps(self.document(), option=orjson.OPT_SORT_KEYS)
        return sha256(canonical).hexdigest()[:16]

    def complaints(self) -> tuple[FieldError, ...]:
        return (
            *contradictions.slots_and_threads(self.server),
            *contradictions.limits_of_the_gate(self.gate),
            *contradictions.learning_rates(self.adaptation),
            *contradictions.redis_without_address(self.redis),
        )

    @model_validator(mode="after")
    def contradicts_itself_nowhere(self) -> Self:
        complaints = self.complaints()
        if complaints:
            text = "; ".join(f"{complaint.path}: {complaint.message}" for complaint in complaints)
            raise PydanticCustomError(CONTRADICTION, "{text}", {"text": text, "complaints": complaints})
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        # The inherited one asks no validator and takes the cached hash along into the changed copy.
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**values, **(update or {})})


def told(value: Any) -> Any:
    match value:
        case BaseModel():
            fields = sorted(type(value).model_fields.items())
            return {name: told(getattr(value, name)) for name, info in fields if not stays_here(info)}
        case Mapping():
            return {name: told(value[name]) for name in sorted(value)}
        case tuple():
            return [told(item) for item in value]
    return value


def stays_here(info: FieldInfo) -> bool:
    kinds = {info.annotation, *get_args(info.annotation)}
    return bool(info.exclude) or not kinds.isdisjoint({SecretStr, Path})
