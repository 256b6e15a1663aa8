"""Predictions whose result is known, as the report needs them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ml_service.domain.types import MemberFigure, Trade

OPEN_SHARE = 0.9
"""In so many cases of a hundred no more predictions were made, while one was open, than the overlap says."""


class MemberName(NamedTuple):
    """Unique within a set."""

    model_type: str
    version: int


@dataclass(frozen=True, slots=True)
class Resolved:
    user_id: str
    symbol: str
    side: Trade
    at_ms: int
    known_at_ms: int
    set_id: str
    regime: str | None
    probability: float
    """The set's, calibrated, that the trade pays after costs."""
    members: tuple[MemberFigure, ...]
    paid: bool
    """After costs."""
    percent: float | None
    """What it came to, after costs, in percent of the price."""
    taken: bool
    """False: nobody traded it; it was marked to market."""


def one_per_episode(rows: Iterable[Resolved]) -> list[Resolved]:
    """In the order of time. Asked again while the former result was open, the models tell the same thing twice: of a
    user, symbol and side, that counts once, and what was really traded speaks for it."""
    found: list[Resolved] = []
    newest: dict[tuple[str, str, Trade], int] = {}
    for row in sorted(rows, key=lambda one: (one.at_ms, one.known_at_ms, one.user_id, one.symbol, one.side)):
        scope = row.user_id, row.symbol, row.side
        place = newest.get(scope)
        if place is None or row.at_ms >= found[place].known_at_ms:
            newest[scope] = len(found)
            found.append(row)
        elif row.taken and not found[place].taken:
            found[place] = row
    return sorted(found, key=lambda one: one.at_ms)


def overlap_of(rows: Sequence[Resolved]) -> int:
    """So many predictions are made while the result of one is not known yet."""
    if not rows:
        return 1
    made = np.array([row.at_ms for row in rows])
    known = np.array([row.known_at_ms for row in rows])
    waiting = np.searchsorted(made, known) - np.arange(made.size)
    return max(1, int(np.quantile(waiting, OPEN_SHARE)))


def names_in(rows: Iterable[Resolved]) -> list[MemberName]:
    return list(dict.fromkeys(MemberName(one.model_type, one.version) for row in rows for one in row.members))


def figure_of(row: Resolved, name: MemberName) -> float | None:
    """None where it said nothing, or was not asked."""
    return next((one.probability for one in row.members if (one.model_type, one.version) == name), None)
