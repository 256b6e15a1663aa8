"""Steps: how each threshold of a scope stood over a window, with the reason of every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_service.domain.learner import Adaptation
from ml_service.domain.types import Thresholds


@dataclass(frozen=True, slots=True)
class Step:
    at_ms: int
    value: float
    why: str
    """Empty where nothing changed: at the beginning, and at the end."""


@dataclass(frozen=True, slots=True)
class Line:
    symbol: str
    """The scope."""
    steps: tuple[Step, ...]


def lines(
    before: Mapping[str, Thresholds],
    revisions: Sequence[Thresholds],
    adaptations: Sequence[Adaptation],
    names: Sequence[str],
    since_ms: int,
    until_ms: int,
) -> dict[str, tuple[Line, ...]]:
    """By parameter, a line for each scope in `before`, which says how it stood when the window began."""
    sentences = {
        (one.symbol, one.revision, move["parameter"]): str(move["sentence"])
        for one in adaptations
        for move in one.explanation.get("moved") or ()
    }
    found: dict[str, tuple[Line, ...]] = {}
    for name in names:
        found[name] = tuple(
            Line(symbol, stepped(name, start, [one for one in revisions if one.symbol == symbol], sentences, since_ms))
            for symbol, start in before.items()
        )
    return {
        name: tuple(Line(line.symbol, (*line.steps, Step(until_ms, line.steps[-1].value, ""))) for line in own)
        for name, own in found.items()
    }


def stepped(
    name: str,
    start: Thresholds,
    revisions: Sequence[Thresholds],
    sentences: Mapping[tuple[str, int, str], str],
    since_ms: int,
) -> tuple[Step, ...]:
    """Only where the value changed; `revisions` are in order."""
    steps = [Step(since_ms, start.values[name], "")]
    for one in revisions:
        value = one.values.get(name)
        if value is not None and value != steps[-1].value:
            why = sentences.get((one.symbol, one.revision, name)) or f"{one.source}: {one.reason or 'no reason given'}"
            steps.append(Step(one.changed_at_ms, value, why))
    return tuple(steps)
