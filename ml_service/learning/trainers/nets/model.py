"""A net that was trained, and its two files."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ml_service.errors import ModelRefused
from ml_service.learning.examples import Figures, Rows
from ml_service.learning.trainers.header import Headed, Header, header_of
from ml_service.learning.trainers.nets.net import Net
from ml_service.learning.trainers.nets.table import Table
from ml_service.learning.trainers.nets.training import Build
from ml_service.learning.trainers.onnx_graph import OPSET, sealed

AT_ONCE = 1024
ASKED_MAX = 512
"""Examples that the importance is told from."""


@dataclass(frozen=True, slots=True)
class TrainedNet(Headed):
    header: Header
    body: nn.Module

    def rises(self, windows: Rows) -> Figures:
        net = Net(self.header.preparation, self.body).eval()
        with torch.inference_mode():
            pieces = [
                net(torch.from_numpy(np.ascontiguousarray(windows[start : start + AT_ONCE]))).numpy()
                for start in range(0, len(windows), AT_ONCE)
            ]
        return np.concatenate(pieces) if pieces else np.empty(0, np.float32)

    def native(self) -> bytes:
        content: bytes = save(self.body.state_dict(), metadata={"header": self.header.written()})
        return content

    def onnx(self) -> bytes:
        net = Net(self.header.preparation, self.body).eval()
        # Two windows: a batch of one would be taken for a fixed size.
        example = torch.zeros(2, self.rows_back, len(self.schema.names))
        with quiet():
            program = torch.onnx.export(
                net,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["rows"],
                output_names=["rises"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False,
                verbose=False,
            )
        return sealed(program.model_proto, self.header.model)

    def importance(self) -> dict[str, float]:
        return dict(self.header.importance)


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter speaks of its own insides, and of libraries that nobody here misses."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def opened(native: bytes, name: str, build: Build) -> TrainedNet:
    header = header_of(metadata(native).get("header"), name)
    try:
        with torch.random.fork_rng(devices=[]):
            body = build(header.parameters, 2 * len(header.schema.names))
        body.load_state_dict(load(native))
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise ModelRefused(f"expected the weights of a {name} net, found others") from error
    return TrainedNet(header, body.eval())


def metadata(native: bytes) -> dict[str, str]:
    """Of a safetensors file: its length as eight bytes, then JSON that long."""
    try:
        length = int.from_bytes(native[:8], "little")
        told: dict[str, str] = json.loads(native[8 : 8 + length]).get("__metadata__", {})
    except (ValueError, AttributeError) as error:
        raise ModelRefused("expected a safetensors file, found another") from error
    return told


def importance_of(header: Header, body: nn.Module, known: Table) -> dict[str, float]:
    """How far a chance moves with each feature, on average over some examples and all rows back."""
    count = min(len(known), ASKED_MAX)
    asked = torch.linspace(0, len(known) - 1, count, device=known.places.device).long()
    windows = known.windows(asked).requires_grad_()
    body.eval()
    # cuDNN cannot go backwards through a recurrent net that is not being trained.
    with torch.backends.cudnn.flags(enabled=False):
        (slopes,) = torch.autograd.grad(body(windows).sum(), windows)
    of_columns = slopes.abs().mean(dim=(0, 1)).double().cpu().numpy()
    told = of_columns.reshape(2, -1) * np.array([header.preparation.inverse, header.preparation.masked]).astype(bool)
    by_feature = told.sum(axis=0)
    total = by_feature.sum()
    return dict(zip(header.schema.names, (by_feature / total).tolist(), strict=True)) if total > 0.0 else {}
