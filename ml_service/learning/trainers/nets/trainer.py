"""The trainer of a net: what differs between nets is the body, how far they look back, and their parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from ml_service.errors import Untrainable
from ml_service.learning.examples import Examples
from ml_service.learning.trainers.header import Header, same_schema
from ml_service.learning.trainers.nets.devices import device_for
from ml_service.learning.trainers.nets.model import TrainedNet, importance_of, opened
from ml_service.learning.trainers.nets.net import Prepare
from ml_service.learning.trainers.nets.table import Table, missing_in_windows
from ml_service.learning.trainers.nets.training import Build, course_of, settled, train
from ml_service.learning.trainers.preparation import preparation_of
from ml_service.learning.trainers.spec import Progress, Wishes, unheard
from ml_service.learning.trainers.trainable import chosen, examine, usable

COURSE: Mapping[str, float] = {
    "epochs": 15,
    "batch": 256,
    "rate": 0.001,
    "decay": 0.01,
    "patience": 3,
    "half_precision": 0,
    "more_epochs": 3,
    "more_rate_share": 0.3,
}
"""What all nets are trained with."""


@dataclass(frozen=True, slots=True)
class NetTrainer:
    name: str
    rows_back: int
    build: Build
    shape: Mapping[str, float]
    """The parameters of the body, on top of those of the course. A file keeps its own."""
    ranges: Mapping[str, tuple[float, float]]

    @property
    def parameters(self) -> Mapping[str, float]:
        return {**self.shape, **COURSE}

    def fit(
        self, examples: Examples, later: Examples | None, wishes: Wishes, progress: Progress = unheard
    ) -> TrainedNet:
        parameters = chosen(self.parameters, wishes.parameters)
        device = device_for(wishes.device)
        examine(examples, later)
        seen_missing = missing_in_windows(examples, self.rows_back)
        preparation = preparation_of(examples.rows[examples.places], seen_missing)
        header = Header(self.name, examples.schema, self.rows_back, parameters, wishes.seed, device, 0, preparation)
        with settled(wishes, wishes.seed, device):
            body = self.build(parameters, 2 * len(examples.schema.names))
            return self.trained(header, body, examples, usable(later), wishes, progress)

    def resume(self, native: bytes, examples: Examples, wishes: Wishes, progress: Progress = unheard) -> TrainedNet:
        model = self.opened(native)
        same_schema(model.header, examples.schema)
        parameters = chosen(model.header.parameters, wishes.parameters)
        self.same_shape(model.header, parameters)
        examine(examples)
        header = replace(model.header, parameters=parameters, device=device_for(wishes.device))
        with settled(wishes, wishes.seed + model.steps, header.device):
            return self.trained(header, model.body, examples, None, wishes, progress)

    def opened(self, native: bytes) -> TrainedNet:
        return opened(native, self.name, self.build)

    def same_shape(self, header: Header, parameters: Mapping[str, float]) -> None:
        for name in self.shape:
            if parameters[name] != header.parameters[name]:
                expected = f"{name} of {header.parameters[name]:g}, as the file has it"
                raise Untrainable(f"expected {expected}, found {parameters[name]:g}: train it anew")

    def trained(
        self,
        header: Header,
        body: torch.nn.Module,
        examples: Examples,
        later: Examples | None,
        wishes: Wishes,
        progress: Progress,
    ) -> TrainedNet:
        prepare = Prepare(header.preparation)
        body = body.to(header.device)
        known = Table(examples, self.rows_back, prepare, header.device)
        unseen = Table(later, self.rows_back, prepare, header.device) if later is not None else None
        course = course_of(header.parameters, header.device, more=header.steps > 0)
        epochs = train(body, known, unseen, course, wishes.seed + header.steps, progress)
        told = importance_of(header, body, known)
        return TrainedNet(replace(header, steps=header.steps + epochs, importance=told), body.to("cpu").eval())
