"""The walk: weights and calibration carried forward in time, each stretch judged by what was known before it.

At every fold the set is made as it would have been made then: the members' weights from how they did in the folds
before, the calibration from rows between what they learned and what they are tested on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Floats
from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.models.calibration import Calibration, squashed
from ml_service.domain.models.conformal import Conformal, conformal
from ml_service.domain.models.fitting import base_odds, calibrated, fitted, log_odds_of, on_base, squashed_all
from ml_service.domain.models.metrics import log_losses
from ml_service.domain.models.slots import EVERY
from ml_service.domain.models.weights import ROWS_MIN, Weighing, moved, priors, skills
from ml_service.errors import Untrainable
from ml_service.learning.dataset import Dataset
from ml_service.learning.members import Fitted, Span

Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SideRule:
    """What the rows before tell of one side: its calibration, how often it paid, and what it then came to."""

    line: Calibration
    base_rate: float
    """What the line says where the models have no say: smoothed alike, or the smoothing would be told as a gain."""
    gain: float
    """Mean net return of those that paid …"""
    loss: float
    """… and of those that did not."""
    answer: Conformal

    def expected(self, chances: Floats) -> Floats:
        return chances * self.gain + (1.0 - chances) * self.loss


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A set as it stands at one moment."""

    weights: Mapping[str, Weighing]
    rises: SideRule
    falls: SideRule


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """One tested fold."""

    rows: Dataset
    figures: Floats
    """[member, row]."""
    combined: Floats
    mixture: Mixture
    bases: tuple[float, ...]
    """The share that rose among the examples of each member."""

    def chances(self, side: str) -> Floats:
        if side == "BUY":
            return calibrated(self.mixture.rises.line, self.combined)
        return calibrated(self.mixture.falls.line, 1.0 - self.combined)

    def rule(self, side: str) -> SideRule:
        return self.mixture.rises if side == "BUY" else self.mixture.falls


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    stretches: tuple[Stretch, ...]
    final: Mixture
    """The set that serves: weights after the last fold, calibrated on the last rows."""


def walk(dataset: Dataset, spans: Sequence[Span], fits: Mapping[str, Sequence[Fitted]], embargo: int) -> Walk:
    """The last span has nothing to be tested on: it is the one that serves."""
    weights = priors(tuple(fits))
    stretches = list[Stretch]()
    for number, span in enumerate(spans[:-1]):
        if stretches:
            weights = stepped(weights, known_by(stretches[-1], int(dataset.places[span.test[0]]) - embargo))
        of_fold = [fits[name][number] for name in fits]
        mixture = mixed(dataset.some(span.parts.later), np.stack([one.later for one in of_fold]), weights)
        rows, figures = dataset.some(span.test), np.stack([one.test for one in of_fold])
        bases = tuple(one.base for one in of_fold)
        stretches.append(Stretch(rows, figures, combined(figures, rows.regime, weights), mixture, bases))
    weights = stepped(weights, stretches[-1])
    later = np.stack([fits[name][-1].later for name in fits])
    return Walk(tuple(stretches), mixed(dataset.some(spans[-1].parts.later), later, weights))


def mixed(rows: Dataset, figures: Floats, weights: Mapping[str, Weighing]) -> Mixture:
    pooled = combined(figures, rows.regime, weights)
    return Mixture(
        dict(weights), side_rule(pooled, rows.bought, "purchase"), side_rule(1.0 - pooled, rows.sold, "sale")
    )


def side_rule(pooled: Floats, returns: Floats, what: str) -> SideRule:
    """From all rows whose return is known, also those that moved by less than the costs: they did not pay."""
    known = np.isfinite(returns)
    if not known.any():
        raise Untrainable(f"expected at least one {what} among the later rows, found none: nothing to calibrate by")
    pooled, returns = pooled[known], returns[known]
    paid = returns > 0.0
    line = fitted(pooled, paid)
    return SideRule(
        line=line,
        base_rate=squashed(base_odds(paid)),
        gain=float(returns[paid].mean()) if paid.any() else 0.0,
        loss=float(returns[~paid].mean()) if not paid.all() else 0.0,
        answer=conformal(calibrated(line, pooled), paid),
    )


def combined(figures: Floats, regimes: NDArray[np.int8], weights: Mapping[str, Weighing]) -> Floats:
    """As `ensemble.combined`, of many rows: the weighted mean of log odds; who has no figure leaves the others its say.
    NaN where nobody has one."""
    table = np.array([weights[regime].weights for regime in REGIMES] + [weights[EVERY].weights])
    heard = np.isfinite(figures)
    # A regime that is not known has the last code, and the last line.
    shares = np.where(heard, table[np.where(regimes >= 0, regimes, len(REGIMES))].T, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        odds = np.sum(shares * log_odds_of(np.where(heard, figures, 0.5)), axis=0) / shares.sum(axis=0)
    return squashed_all(odds)


# ---- weights


def known_by(stretch: Stretch, place: int) -> Stretch:
    """Without the rows at its end whose labels reach into the fold that is weighed next."""
    known = stretch.rows.known_from <= place
    return replace(
        stretch, rows=stretch.rows.some(known), figures=stretch.figures[:, known], combined=stretch.combined[known]
    )


def stepped(weights: Mapping[str, Weighing], stretch: Stretch) -> dict[str, Weighing]:
    """One step in every regime that had enough rows; the others move by all rows."""
    rose = stretch.rows.rose
    movers = rose >= 0
    losses = member_losses(stretch)
    everybody = skills(losses[:, movers], stretch.rows.overlap)
    found = {EVERY: moved(weights[EVERY], everybody)}
    for place, regime in enumerate(REGIMES):
        chosen = movers & (stretch.rows.regime == place)
        if np.count_nonzero(chosen) >= ROWS_MIN:
            found[regime] = moved(weights[regime], skills(losses[:, chosen], stretch.rows.overlap))
        else:
            found[regime] = moved(weights[regime], everybody, "moved_by_all_rows")
    return found


def member_losses(stretch: Stretch) -> Floats:
    """[member, row]; of rows that neither rose nor fell they mean nothing."""
    truth = stretch.rows.rose == 1
    return np.stack(
        [log_losses(on_base(one, base), truth) for one, base in zip(stretch.figures, stretch.bases, strict=True)]
    )
