"""A plan: what is to be trained, on what, and how it is to be tested. The same plan on the same rows makes the same
models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml_service.domain.market.candles import Stream
from ml_service.domain.market.intervals import interval_ms
from ml_service.domain.market.settlement import Costs
from ml_service.domain.models.slots import EVERY, Place
from ml_service.learning.labels import Label

ROWS_MIN = 1_000
"""Fewer examples than this teach nothing that would hold."""
MINUTE_MS = 60_000

Source = Literal["candles", "decisions"]


@dataclass(frozen=True, slots=True)
class Plan:
    stream: Stream
    models: tuple[str, ...]
    label: Label
    costs: Costs = field(default_factory=Costs)
    source: Source = "candles"
    regime: str = EVERY
    """One of REGIMES: only its bars are learned from and tested on."""
    folds: int = 5
    embargo_bars: int | None = None
    """None: as many as the horizon has."""
    seed: int = 0
    device: str = "auto"
    threads: int = 1
    parameters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By model, in place of the trainer's own."""
    trials: int = 0
    """So many were tried to find the parameters."""

    def __post_init__(self) -> None:
        assert self.models
        assert self.folds >= 1
        # Less than none would give back what is purged.
        assert self.embargo >= 0

    @property
    def place(self) -> Place:
        return Place(self.stream.symbol, self.regime)

    @property
    def embargo(self) -> int:
        return self.label.horizon_bars if self.embargo_bars is None else self.embargo_bars

    @property
    def interval_ms(self) -> int:
        return interval_ms(self.stream.interval)

    @property
    def horizon_minutes(self) -> float:
        return self.label.horizon_bars * self.interval_ms / MINUTE_MS
