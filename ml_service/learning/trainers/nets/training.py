"""Training of nets: epochs over shuffled examples, until later ones say that it gets no better."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ml_service.learning.trainers.nets.devices import Batches
from ml_service.learning.trainers.nets.table import Table
from ml_service.learning.trainers.spec import Progress, Wishes

OF_AN_EPOCH_MAX = 100_000
"""Examples in an epoch; of more than these, each epoch draws its own."""

BATCHES_MIN = 10
"""In an epoch, so that a large batch still learns something from few examples."""

GRADIENT_MAX = 1.0


@dataclass(frozen=True, slots=True)
class Course:
    """How a training is run."""

    epochs: int
    batch: int
    rate: float
    decay: float
    patience: int
    half: bool
    """In half precision, which only CUDA is quicker with."""


def course_of(parameters: Mapping[str, float], device: str, *, more: bool = False) -> Course:
    return Course(
        epochs=int(parameters["more_epochs" if more else "epochs"]),
        batch=max(int(parameters["batch"]), 1),
        # What goes on is not to forget what it knows.
        rate=parameters["rate"] * (parameters["more_rate_share"] if more else 1.0),
        decay=parameters["decay"],
        patience=int(parameters["patience"]),
        half=device == "cuda" and parameters["half_precision"] == 1.0,
    )


def train(body: nn.Module, known: Table, later: Table | None, course: Course, seed: int, progress: Progress) -> int:
    """How many epochs are in it now."""
    lesson = Lesson(body, known, course)
    shuffling = torch.Generator().manual_seed(seed)
    best, kept, kept_epochs = float("inf"), None, 0
    for epoch in range(course.epochs):
        places = torch.randperm(len(known), generator=shuffling)[:OF_AN_EPOCH_MAX].to(known.places.device)
        lesson.epoch(places, lambda share, epoch=epoch: progress((epoch + share) / course.epochs))
        if later is None:
            continue
        loss = loss_on(body, later, lesson.batches)
        if loss < best:
            best, kept, kept_epochs = loss, {name: value.clone() for name, value in body.state_dict().items()}, epoch
        elif epoch - kept_epochs >= course.patience:
            break
    progress(1.0)
    if kept is None:
        return course.epochs
    body.load_state_dict(kept)
    return kept_epochs + 1


class Lesson:
    def __init__(self, body: nn.Module, known: Table, course: Course) -> None:
        self.body = body
        self.known = known
        self.course = course
        self.batches = Batches(max(1, min(course.batch, len(known) // BATCHES_MIN)))
        self.optimizer = torch.optim.AdamW(body.parameters(), lr=course.rate, weight_decay=course.decay)
        # Single precision needs no scaling: its small gradients do not vanish.
        self.scaler = torch.amp.GradScaler("cuda", enabled=course.half)

    def epoch(self, places: Tensor, progress: Progress) -> None:
        self.body.train()
        done = 0

        def use(batch: Tensor) -> None:
            nonlocal done
            self.learn(batch)
            done += len(batch)
            progress(done / len(places))

        self.batches.each(places, use)

    def learn(self, batch: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.float16, enabled=self.course.half):
            logits = self.body(self.known.windows(batch))
        loss = loss_of(logits.float(), self.known, batch).mean()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.body.parameters(), GRADIENT_MAX)
        self.scaler.step(self.optimizer)
        self.scaler.update()


def loss_of(logits: Tensor, table: Table, batch: Tensor) -> Tensor:
    losses: Tensor = binary_cross_entropy_with_logits(logits, table.rose[batch], reduction="none")
    return losses * table.weights[batch]


def loss_on(body: nn.Module, table: Table, batches: Batches) -> float:
    body.eval()
    total = 0.0

    def use(batch: Tensor) -> None:
        nonlocal total
        total += float(loss_of(body(table.windows(batch)), table, batch).sum())

    with torch.no_grad():
        batches.each(torch.arange(len(table), device=table.places.device), use)
    return total / len(table)


@contextmanager
def settled(wishes: Wishes, seed: int, device: str) -> Iterator[None]:
    """Chance and threads as wished for, and as they were before when it is over."""
    threads = torch.get_num_threads()
    torch.set_num_threads(wishes.threads)
    try:
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device == "cuda" else []):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


Build = Callable[[Mapping[str, float], int], nn.Module]
"""From the parameters and the number of prepared columns to a body."""
