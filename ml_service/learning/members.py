"""Members: one trainer fitted to one stretch of rows, and what it then says of the rows after it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Protocol

import numpy as np

from ml_service.domain.market.candles import Floats
from ml_service.errors import Untrainable
from ml_service.learning.dataset import Dataset
from ml_service.learning.examples import Places
from ml_service.learning.plan import Plan
from ml_service.learning.splits import Parts
from ml_service.learning.trainers.spec import Progress, Trained, Trainer, Wishes

FIT_MIN = 200
"""Fewer examples in one fold are left to a shorter plan."""

Told = Callable[[str, int, float], None]
"""Hears the model, the number of the fit and the share of it that is done. It may raise, to stop."""


class Keep(Protocol):
    """What was fitted before a training was stopped, by name. It may forget anything at any moment."""

    def read(self, name: str) -> bytes | None: ...
    def keep(self, name: str, content: bytes) -> None: ...


class KeepNothing:
    def read(self, name: str) -> bytes | None:
        return None

    def keep(self, name: str, content: bytes) -> None:
        pass


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Rows to learn from, and rows that come after all of them."""

    parts: Parts
    test: Places


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    later: Floats
    """What it says of the rows kept for calibration …"""
    test: Floats
    """… and of those it is tested on."""
    base: float
    """The share of its examples that rose."""
    examples: int
    steps: int = 0
    device: str = "cpu"
    importance: Mapping[str, float] = field(default_factory=dict)
    native: bytes = b""
    onnx: bytes = b""


def fitted(
    trainer: Trainer, dataset: Dataset, span: Span, plan: Plan, progress: Progress, with_files: bool = False
) -> Fitted:
    """Deterministic: the same rows and plan give the same figures and, `with_files`, the same bytes."""
    learned = dataset.some(span.parts.fit)
    examples, stop = learned.examples(), dataset.some(span.parts.stop).examples()
    if len(examples) < FIT_MIN:
        raise Untrainable(f"expected at least {FIT_MIN} examples in each fold, found {len(examples)}")
    wishes = Wishes(plan.seed, plan.device, plan.threads, dict(plan.parameters.get(trainer.name, {})) or None)
    trained = trainer.fit(examples, stop if len(stop) else None, wishes, progress)
    return Fitted(
        later=figures(trained, dataset.some(span.parts.later)),
        test=figures(trained, dataset.some(span.test)),
        base=float(examples.rose.mean()),
        examples=len(examples),
        steps=trained.steps,
        device=trained.device,
        importance=trained.importance(),
        native=trained.native() if with_files else b"",
        onnx=trained.onnx() if with_files else b"",
    )


def figures(trained: Trained, dataset: Dataset) -> Floats:
    parts = [trained.rises(part.windows(trained.rows_back)).astype(np.float64) for part in dataset.parts()]
    return np.concatenate(parts) if parts else np.empty(0)


# ---- kept, to go on after a stop


def name_of(trainer: Trainer, data_hash: str, plan: Plan, number: int, versions: Mapping[str, str]) -> str:
    """Of one fit: whatever could change it is in its name."""
    told = json.dumps(
        {
            "model": trainer.name,
            "place": [plan.stream.venue, *plan.place, plan.stream.interval],
            "data": data_hash,
            "parameters": {**trainer.parameters, **plan.parameters.get(trainer.name, {})},
            "folds": plan.folds,
            "number": number,
            "embargo": plan.embargo,
            "seed": plan.seed,
            "device": plan.device,
            "threads": plan.threads,
            "versions": dict(versions),
        },
        sort_keys=True,
    )
    return f"{trainer.name}-{number}-{sha256(told.encode()).hexdigest()[:32]}"


ARRAYS = ("later", "test")
FILES = ("native", "onnx")
NUMBERS = ("base", "examples", "steps")
DIGEST_BYTES = 32


def packed(one: Fitted) -> bytes:
    out = BytesIO()
    np.savez(
        out,
        allow_pickle=False,
        **{name: getattr(one, name) for name in (*ARRAYS, *NUMBERS)},
        **{name: np.frombuffer(getattr(one, name), np.uint8) for name in FILES},
        device=np.array(one.device),
        names=np.array(list(one.importance), dtype=np.str_),
        shares=np.array(list(one.importance.values()), np.float64),
    )
    return sha256(out.getvalue()).digest() + out.getvalue()


def unpacked(content: bytes) -> Fitted | None:
    """None where it is not whole."""
    digest, archive = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    # What a damaged archive makes of the libraries that read it is not foretold.
    if digest != sha256(archive).digest():
        return None
    try:
        with np.load(BytesIO(archive), allow_pickle=False) as found:
            return Fitted(
                **{name: found[name] for name in ARRAYS},
                **{name: found[name].tobytes() for name in FILES},
                base=float(found["base"]),
                examples=int(found["examples"]),
                steps=int(found["steps"]),
                device=str(found["device"]),
                importance=dict(zip(found["names"].tolist(), found["shares"].tolist(), strict=True)),
            )
    except (ValueError, KeyError):
        # An earlier version kept something else.
        return None
