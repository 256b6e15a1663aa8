"""The table of prepared rows on the device, out of which windows are taken batch by batch.

All windows at once would hold every row as often as a model looks back.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml_service.learning.examples import Examples, run_lengths
from ml_service.learning.trainers.nets.net import Prepare

AT_ONCE = 100_000


class Table:
    def __init__(self, examples: Examples, rows_back: int, prepare: Prepare, device: str) -> None:
        missing = np.full((1, examples.rows.shape[1]), np.nan, np.float32)
        prepare = prepare.to("cpu")
        pieces = [prepare(torch.from_numpy(rows.copy())) for rows in portions(examples.rows)]
        # The last one stands for every row before a gap or the start.
        self.rows = torch.cat([*pieces, prepare(torch.from_numpy(missing))]).to(device)
        self.runs = on(run_lengths(examples.follows)[examples.places], device)
        self.places = on(examples.places, device)
        self.rose = on(examples.rose.astype(np.float32), device)
        self.weights = on(relative(examples.weights), device)
        self.steps = torch.arange(1 - rows_back, 1, device=device)

    def __len__(self) -> int:
        return len(self.places)

    def windows(self, chosen: Tensor) -> Tensor:
        inside = -self.steps < self.runs[chosen][:, None]
        wanted = self.places[chosen][:, None] + self.steps
        return self.rows[torch.where(inside, wanted, len(self.rows) - 1)]


def portions(rows: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]


def relative(weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """1 on average, so that the length of a step does not hang on them."""
    return (weights / weights.mean()).astype(np.float32)


def on(values: NDArray[np.generic], device: str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def missing_in_windows(examples: Examples, rows_back: int) -> NDArray[np.bool_]:
    """By feature, whether any window of an example lacks it."""
    runs = run_lengths(examples.follows)[examples.places]
    if np.any(runs < rows_back):
        return np.ones(examples.rows.shape[1], bool)
    # How many of the windows a row lies in, by counting where they begin and end.
    edges = np.zeros(len(examples.rows) + 1, np.int64)
    np.add.at(edges, examples.places - rows_back + 1, 1)
    np.add.at(edges, examples.places + 1, -1)
    seen = np.cumsum(edges[:-1]) > 0
    missing: NDArray[np.bool_] = np.isnan(examples.rows[seen]).any(axis=0)
    return missing
