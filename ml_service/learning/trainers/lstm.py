"""LSTM: two recurrent layers over the last eight hours of 15-minute bars."""

from collections.abc import Mapping

from torch import Tensor, nn

from ml_service.learning.trainers.nets.trainer import NetTrainer
from ml_service.learning.trainers.spec import Trainer


class Recurrent(nn.Module):
    def __init__(self, parameters: Mapping[str, float], width: int) -> None:
        super().__init__()
        size, dropout = int(parameters["size"]), parameters["dropout"]
        self.memory = nn.LSTM(width, size, num_layers=2, dropout=dropout, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, rows: Tensor) -> Tensor:
        remembered, _ = self.memory(rows)
        return self.head(remembered[:, -1]).squeeze(-1)


TRAINER: Trainer = NetTrainer(
    name="lstm",
    rows_back=32,
    build=Recurrent,
    shape={"size": 64, "dropout": 0.2},
    ranges={"size": (16, 128), "dropout": (0.0, 0.5), "rate": (0.0001, 0.01)},
)
