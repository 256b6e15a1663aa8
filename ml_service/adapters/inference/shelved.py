"""Any set whose graph still lies on the shelf, opened on demand: to explain, and to execute again."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from ml_service.adapters.inference.champions import Files
from ml_service.adapters.inference.graph import OnnxGraph, figures_of, open_graph
from ml_service.adapters.inference.trial import in_time, tried
from ml_service.domain.market.row_windows import Window
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.speaking import SLOWEST_MS, Figures

OPEN_MAX = 4


class ShelvedGraphs:
    def __init__(
        self, files: Files, opening: Callable[[bytes], OnnxGraph] = open_graph, slowest_ms: float = SLOWEST_MS
    ) -> None:
        self._slowest_ms = slowest_ms
        self._open = lru_cache(OPEN_MAX)(lambda sha256: opening(files.read(sha256)))

    def try_out(self, models: ModelSet) -> OnnxGraph:
        """`ModelRefused` where it does not run as its set says, or is too slow to serve."""
        return in_time(self._tried(models), models, self._slowest_ms)

    def figures(self, models: ModelSet, windows: Sequence[Window]) -> list[Figures]:
        return figures_of(self._tried(models), np.stack(windows))

    def _tried(self, models: ModelSet) -> OnnxGraph:
        return tried(self._open(models.graph_sha256), models)
