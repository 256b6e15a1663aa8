"""Training of nets: epochs over shuffled examples, until later ones say that it gets no better."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ml_service.errors import Untrainable
from ml_service.learning.trainers.nets.devices import Batches
from ml_service.learning.trainers.nets.table import Table
from ml_service.learning.trainers.spec import Progress, Wishes

OF_AN_EPOCH_MAX = 100_000
"""Examples in an epoch; of more than these, each epoch draws its own."""

BATCHES_MIN = 30
"""In an epoch, so that a large batch still learns something from few examples."""

GRADIENT_MAX = 1.0

SAMPLE = 1_000
"""Examples that tell whether a net says numbers at all."""

AHEAD = 20.0
"""So many times the rate of what is deep is that of a straight line beside it."""


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


def course_of(parameters: Mapping[str, float], device: str, *, more: bool, watched: bool) -> Course:
    """`watched` is a training of which later examples tell when to stop. Without them it is a short one."""
    epochs = parameters["epochs"] if watched else min(parameters["epochs"], parameters["blind_epochs"])
    return Course(
        epochs=int(parameters["more_epochs"] if more else epochs),
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
        lesson.epoch(places, part_of(progress, epoch, course.epochs))
        if later is None:
            continue
        loss = loss_on(body, later, lesson.batches)
        if loss < best:
            best, kept, kept_epochs = loss, {name: value.clone() for name, value in body.state_dict().items()}, epoch
        elif epoch - kept_epochs >= course.patience:
            break
    if kept is not None:
        body.load_state_dict(kept)
    if not isfinite(loss_on(body, known, lesson.batches, most=SAMPLE)):
        raise Untrainable(f"with a rate of {course.rate:g} the weights grew beyond all bounds")
    progress(1.0)
    return course.epochs if kept is None else kept_epochs + 1


def part_of(progress: Progress, done: int, of: int) -> Progress:
    return lambda share: progress((done + share) / of)


class Lesson:
    def __init__(self, body: nn.Module, known: Table, course: Course) -> None:
        self.body = body
        self.known = known
        self.course = course
        self.batches = Batches(max(1, min(course.batch, len(known) // BATCHES_MIN)))
        self.optimizer = torch.optim.AdamW(paces(body, course.rate), weight_decay=course.decay)
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


def paces(body: nn.Module, rate: float) -> list[dict[str, object]]:
    """A straight line goes ahead, so that what is deep explains the rest, and not the same again by heart."""
    named = list(body.named_parameters())
    lines = [each for name, each in named if name.startswith("newest.")]
    deep = [each for name, each in named if not name.startswith("newest.")]
    paced = [{"params": lines, "lr": rate * AHEAD}, {"params": deep, "lr": rate}]
    return [group for group in paced if group["params"]]


def loss_of(logits: Tensor, table: Table, batch: Tensor) -> Tensor:
    losses: Tensor = binary_cross_entropy_with_logits(logits, table.rose[batch], reduction="none")
    return losses * table.weights[batch]


def loss_on(body: nn.Module, table: Table, batches: Batches, most: int | None = None) -> float:
    body.eval()
    places = torch.arange(len(table), device=table.places.device)[:most]
    total = 0.0

    def use(batch: Tensor) -> None:
        nonlocal total
        total += float(loss_of(body(table.windows(batch)), table, batch).sum())

    with torch.no_grad():
        batches.each(places, use)
    return total / len(places)


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
