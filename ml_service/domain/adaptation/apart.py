"""Regimes kept apart: each kind of market has weights of its own, in which evidence of the others counts less.

The first row of the weights learns from everything, as if nothing were kept apart; behind it stands one row for each
regime. What decides is one vector of thresholds for the whole scope, so the rows are mixed, each by how much of the
last day's evidence came from it: nobody knows which regime the next signals will meet, and those of late are the best
guess. (A mix that remembers more days loses more: it always holds rows that know too little to leave the anchor.)
Evidence whose regime is not known belongs to all of them, and has its share in the first row.

Measured on made-up markets, it gains nothing even where regimes are told without fail, and costs a quarter of the gain
and more where they mean nothing: every row has less evidence. So it has to be asked for.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.adaptation.explanation import Explanation, RegimeShare
from ml_service.domain.adaptation.library import Matrix, Vector

TOLD_MIN = 0.005
"""A smaller share is not worth a word."""


def rows_of(regimes: int) -> int:
    return 1 if regimes == 1 else 1 + regimes


def first_alone(rows: int) -> Vector:
    found: Vector = np.eye(rows)[0]
    return found


def mixed_after(mix: Vector, rows: NDArray[np.int64]) -> Vector:
    """A day whose evidence came from these; one that brought nothing new leaves it as it is."""
    return np.bincount(rows, minlength=len(mix)) / len(rows) if len(mix) > 1 and len(rows) else mix


def regrouped(weights: Matrix, mix: Vector, before: Sequence[str], after: Sequence[str]) -> tuple[Matrix, Vector]:
    """Under other names: who is new begins with what all have learned together, who is gone leaves that behind."""
    rows = [1 + before.index(name) if name in before else 0 for name in after]
    shares = np.array([float(mix[row]) if row else 0.0 for row in rows])
    return weights[[0, *rows]], np.array([1.0 - shares.sum(), *shares])


def naming(explanation: Explanation, weights: Matrix, mix: Vector, names: Sequence[str]) -> Explanation:
    """With the regimes that the weights were mixed from; as it is where none was known."""
    if not mix[1:].any():
        return explanation
    shares = [
        RegimeShare(name, float(share), float(row[0]))
        for name, share, row in zip((None, *names), mix, weights, strict=True)
        if share >= TOLD_MIN
    ]
    shares.sort(key=lambda one: one.share, reverse=True)
    return replace(explanation, regimes=tuple(shares), reason=explanation.reason + weighed_for(explanation, shares))


def weighed_for(explanation: Explanation, shares: Sequence[RegimeShare]) -> str:
    """Nothing where no target was looked for."""
    pointed = bool(explanation.moved) or any(held.target is not None for held in explanation.held)
    if explanation.verdict == "rolled_back" or not pointed:
        return ""
    *most, last = (f"{one.regime or 'unknown'} ({one.share:.0%})" for one in shares)
    return f", weighed for {' and '.join(filter(None, (', '.join(most), last)))} markets"
