"""A trainer: learns from examples, and makes a model whose files say the same wherever they are opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml_service.features.schema import Schema
from ml_service.learning.examples import Examples, Figures, Rows

Figures64 = NDArray[np.float64]

Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1. It may raise to stop the training: nothing is kept then."""


def unheard(share: float) -> None:
    pass


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """Of the log odds of a rise: together they are what the model says."""

    before: Figures64
    """[example] What stood before any feature was looked at …"""
    added: Figures64
    """[example, feature] … and what each of them added, missing ones included."""


class Trained(Protocol):
    """A model, ready to be asked and to be put on the shelf."""

    @property
    def schema(self) -> Schema: ...

    @property
    def rows_back(self) -> int: ...

    @property
    def steps(self) -> int:
        """Trees, or passes over the examples, that went into it: more after going on."""

    @property
    def device(self) -> str:
        """Where it was trained: `cpu`, `cuda` or `mps`. It is asked on a CPU, wherever that was."""

    def rises(self, windows: Rows) -> Figures:
        """[example, row, feature] → the chance of rising, by the library it was trained with."""

    def native(self) -> bytes:
        """To go on training from. No pickle."""

    def onnx(self) -> bytes:
        """To serve: input `rows` [batch, rows_back, features] with NaN for what is missing, output `rises` [batch].
        What the training rows said of scale and of missing values is inside."""

    def importance(self) -> dict[str, float]:
        """By feature, adding up to 1; empty where it cannot be told."""

    def contributions(self, windows: Rows) -> Contributions | None:
        """By the library it was trained with; None where that tells none."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a training is to run; the rest is the trainer's own."""

    seed: int = 0
    device: str = "auto"
    threads: int = 1
    parameters: Mapping[str, float] | None = None
    """In place of the trainer's own; a name it does not know is refused."""


class Trainer(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def rows_back(self) -> int: ...

    @property
    def parameters(self) -> Mapping[str, float]:
        """Its own, by name."""

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """What a search may try of them."""

    def fit(self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard) -> Trained:
        """`later` tells when to stop early, where it is given. `Untrainable` with the reason, where nothing can be
        learned from the examples; `InvalidInput` where it does not know a parameter."""

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> Trained:
        """Go on from a model's file. `ForeignSchema` where it was trained with other features."""

    def opened(self, native: bytes) -> Trained: ...
