"""PatchTST: the window is cut into patches, and a transformer encoder relates them to each other.

The paper (Nie et al., 2023) sends every feature through the encoder by itself. Here a patch holds all of them: the
features are views of one market rather than series of their own, and it costs a twenty-fifth.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ml_service.learning.trainers.nets.net import Newest
from ml_service.learning.trainers.nets.trainer import NetTrainer
from ml_service.learning.trainers.spec import Trainer

ROWS_BACK = 64
PATCH = 8
PATCHES = ROWS_BACK // PATCH
HEADS = 4


class Patches(nn.Module):
    def __init__(self, parameters: Mapping[str, float], width: int) -> None:
        super().__init__()
        size, dropout = HEADS * max(int(parameters["size"]) // HEADS, 1), parameters["dropout"]
        self.embed = nn.Linear(PATCH * width, size)
        self.position = nn.Parameter(torch.randn(PATCHES, size) * 0.02)
        layer = nn.TransformerEncoderLayer(
            size, HEADS, dim_feedforward=2 * size, dropout=dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, int(parameters["layers"]), enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(size), nn.Flatten(), nn.Dropout(dropout), nn.Linear(PATCHES * size, 1))

    def forward(self, rows: Tensor) -> Tensor:
        patches = rows.reshape(-1, PATCHES, PATCH * rows.shape[-1])
        return self.head(self.encoder(self.embed(patches) + self.position)).squeeze(-1)


def body(parameters: Mapping[str, float], width: int) -> nn.Module:
    patches = Patches(parameters, width)
    return Newest(patches, patches.head[-1], width)


TRAINER: Trainer = NetTrainer(
    name="patchtst",
    rows_back=ROWS_BACK,
    build=body,
    shape={"size": 64, "layers": 2, "dropout": 0.2},
    ranges={"size": (16, 128), "layers": (1, 3), "dropout": (0.0, 0.5), "rate": (0.0001, 0.01)},
)
