"""A trainer: learns from examples, and makes a model whose files say the same wherever they are opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ml_service.features.schema import Schema
from ml_service.learning.examples import Examples, Figures, Rows

Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1. It may raise to stop the training: nothing is kept then."""


def unheard(share: float) -> None:
    pass


class Trained(Protocol):
    """A model, ready to be asked and to be put on the shelf."""

    schema: Schema
    rows_back: int

    def rises(self, windows: Rows) -> Figures:
        """[example, row, feature] → the chance of rising, by the library it was trained with."""

    def native(self) -> bytes:
        """To go on training from. No pickle."""

    def onnx(self) -> bytes:
        """To serve: input `rows` [batch, rows_back, features] with NaN for what is missing, output `rises` [batch].
        What the training rows said of scale and of missing values is inside."""

    def importance(self) -> dict[str, float]:
        """By feature, adding up to 1; empty where it cannot be told."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a training is to run; the rest is the trainer's own."""

    seed: int = 0
    device: str = "auto"
    threads: int = 1
    parameters: dict[str, float] | None = None
    """In place of the trainer's own; a name it does not know is refused."""


class Trainer(Protocol):
    name: str
    rows_back: int
    parameters: dict[str, float]
    """Its own, by name."""
    ranges: dict[str, tuple[float, float]]
    """What a search may try of them."""

    def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> Trained:
        """`later` tells when to stop early, where it is given. `Untrainable` with the reason, where nothing can be
        learned from the examples."""

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> Trained:
        """Go on from a model's file. `ForeignSchema` where it was trained with other features."""

    def opened(self, native: bytes) -> Trained: ...
