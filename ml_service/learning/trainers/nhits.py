"""N-HiTS: blocks that each explain the window at a scale of their own, the coarse ones first.

Every block pools its input, and a small net tells from that a few knots of the window and its share of the forecast;
what the knots explain is taken away before the next block looks (Challu et al., 2022). The forecast is a direction.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ml_service.learning.trainers.nets.net import Newest
from ml_service.learning.trainers.nets.trainer import NetTrainer
from ml_service.learning.trainers.spec import Trainer

ROWS_BACK = 64
SCALES = (8, 4, 1)
"""Rows that a block pools into one."""
KNOTS_MIN = 4
COLUMNS = 16
"""To which the features are mixed, so that the finest block stays small."""


class Block(nn.Module):
    def __init__(self, scale: int, size: int, dropout: float) -> None:
        super().__init__()
        self.pool = nn.MaxPool1d(scale)
        pooled = ROWS_BACK // scale
        self.knots = max(pooled // 4, KNOTS_MIN)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(COLUMNS * pooled, size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(size, size),
            nn.ReLU(),
        )
        self.explains = nn.Linear(size, COLUMNS * self.knots)
        self.forecasts = nn.Linear(size, 1)
        self.register_buffer("lines", lines_between(self.knots), persistent=False)

    def forward(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        found = self.layers(self.pool(columns))
        knots = self.explains(found).reshape(-1, COLUMNS, self.knots)
        return columns - knots @ self.lines, self.forecasts(found)


def lines_between(knots: int) -> Tensor:
    """[knot, row]: what each knot gives to each row, in straight lines from one to the next."""
    where = np.linspace(0.0, ROWS_BACK - 1.0, knots)
    given = [np.interp(np.arange(ROWS_BACK), where, weight) for weight in np.eye(knots)]
    return torch.tensor(np.array(given), dtype=torch.float32)


class Blocks(nn.Module):
    def __init__(self, parameters: Mapping[str, float], width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(width, COLUMNS)
        size, dropout = int(parameters["size"]), parameters["dropout"]
        self.blocks = nn.ModuleList(Block(scale, size, dropout) for scale in SCALES)

    def forward(self, rows: Tensor) -> Tensor:
        left = self.mix(rows).transpose(1, 2)
        logit = torch.zeros_like(left[:, 0, :1])
        for block in self.blocks:
            left, forecast = block(left)
            logit = logit + forecast
        return logit.squeeze(-1)


def body(parameters: Mapping[str, float], width: int) -> nn.Module:
    blocks = Blocks(parameters, width)
    for block in blocks.blocks[:-1]:
        nn.init.zeros_(block.forecasts.weight)
    return Newest(blocks, blocks.blocks[-1].forecasts, width)


TRAINER: Trainer = NetTrainer(
    name="nhits",
    rows_back=ROWS_BACK,
    build=body,
    shape={"size": 64, "dropout": 0.2},
    ranges={"size": (16, 256), "dropout": (0.0, 0.5), "rate": (0.0001, 0.01)},
)
