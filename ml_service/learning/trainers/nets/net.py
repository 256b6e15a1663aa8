"""The net around a body: raw rows in, a chance out, all of it in one graph."""

import torch
from torch import Tensor, nn

from ml_service.learning.trainers.preparation import FARTHEST, Preparation


class Prepare(nn.Module):
    """`Preparation.standard`, in PyTorch."""

    def __init__(self, preparation: Preparation) -> None:
        super().__init__()
        for name, values in zip(("center", "inverse", "masked"), preparation.arrays(), strict=True):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        far = (rows - self.center) * self.inverse
        there = torch.where(torch.isnan(far), torch.zeros_like(far), far).clamp(-FARTHEST, FARTHEST)
        missing = torch.isnan(rows).to(rows.dtype) * self.masked
        return torch.cat([there, missing], dim=-1)


class Newest(nn.Module):
    """A body, and beside it what the newest row says by itself.

    Its features look back themselves, so most is told by a straight line from them; the body begins with nothing, and
    learns what is left. Few examples then spoil less.
    """

    def __init__(self, body: nn.Module, last: nn.Linear, width: int) -> None:
        super().__init__()
        self.body = body
        self.newest = nn.Linear(width, 1)
        for begins_with_nothing in (self.newest, last):
            nn.init.zeros_(begins_with_nothing.weight)
            nn.init.zeros_(begins_with_nothing.bias)

    def forward(self, rows: Tensor) -> Tensor:
        logit: Tensor = self.body(rows) + self.newest(rows[:, -1]).squeeze(-1)
        return logit


class Net(nn.Module):
    def __init__(self, preparation: Preparation, body: nn.Module) -> None:
        super().__init__()
        self.prepare = Prepare(preparation)
        self.body = body
        """Prepared rows [batch, row, 2 features] in, one logit for each window out."""

    def forward(self, rows: Tensor) -> Tensor:
        return torch.sigmoid(self.body(self.prepare(rows)))
