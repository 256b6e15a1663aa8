"""The report of a set, or of one model, over its resolved predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.regimes import ALIASES, REGIMES
from ml_service.domain.models.fitting import on_base
from ml_service.domain.models.metrics import Floats, Truths, log_losses, mean
from ml_service.domain.models.report.recommendations import Recommendation, recommended
from ml_service.domain.models.report.resolved import (
    MemberName,
    Resolved,
    figure_of,
    names_in,
    one_per_episode,
    overlap_of,
)
from ml_service.domain.models.report.standing import Standing, standing
from ml_service.domain.models.slots import EVERY
from ml_service.domain.models.weights import ROWS_MIN, Source, Weighing, moved, skills
from ml_service.domain.statistics.blocks import estimated
from ml_service.domain.statistics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class MemberReport:
    name: MemberName
    weight: float | None
    """The mean of its say, in the rows in which it had a figure."""
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """The weights in one regime as they would be after one step by what the members proved worth here."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    source: Source
    """`moved`: by the regime's own rows; `moved_by_all_rows`: it had too few."""
    rows: int


@dataclass(frozen=True, slots=True)
class ModelReport:
    predictions: int
    """All resolved ones that were read …"""
    episodes: int
    """… and those that are evidence of their own."""
    marked_to_market: int
    """Of the episodes, those that nobody traded."""
    overlap: int
    first_at_ms: int | None
    last_at_ms: int | None
    percent: Estimate | None
    """What an episode came to on average; None where no outcome told it."""
    whole: Standing | None
    """Of the set; None in the report of one model."""
    members: tuple[MemberReport, ...]
    proposal: Mapping[str, Proposal] | None
    """By regime, in the order of the members; None where nothing is proved, or the weights are not known."""
    statuses: Mapping[str, int]
    """Of the decisions the set was there for, how many came to each model_status."""
    recommendations: tuple[Recommendation, ...]


def model_report(
    read: Sequence[Resolved],
    *,
    only: MemberName | None = None,
    members: Sequence[MemberName] | None = None,
    weights: Mapping[str, tuple[float, ...]] | None = None,
    statuses: Mapping[str, int] | None = None,
    seed: int = 0,
) -> ModelReport:
    """Of one model alone where `only` names it. `members` and `weights` are the set's, as it was signed."""
    rows = one_per_episode(read)
    paid = np.array([row.paid for row in rows], bool)
    regimes = np.array([regime_of(row) or "" for row in rows], np.str_)
    overlap = overlap_of(rows)
    names = [only] if only is not None else list(members if members is not None else names_in(rows))
    figures = {name: figures_of(rows, name) for name in names}
    chances = {name: on_base_of(one, paid) for name, one in figures.items()}
    told = tuple(
        MemberReport(name, weight_of(rows, name), standing(chances[name], paid, regimes, overlap, seed))
        for name in names
    )
    probabilities = np.array([row.probability for row in rows], np.float64)
    whole = standing(probabilities, paid, regimes, overlap, seed) if only is None else None
    proposal = None
    if only is None and weights is not None and names:
        losses = np.stack([log_losses(chances[name], paid) for name in names])
        proposal = proposed(weights, losses, regimes, overlap)
    percents = np.array([row.percent for row in rows if row.percent is not None], np.float64)
    return ModelReport(
        predictions=len(read),
        episodes=len(rows),
        marked_to_market=sum(not row.taken for row in rows),
        overlap=overlap,
        first_at_ms=rows[0].at_ms if rows else None,
        last_at_ms=rows[-1].at_ms if rows else None,
        percent=mean_of(percents, overlap, seed),
        whole=whole,
        members=told,
        proposal=proposal,
        statuses=dict(statuses or {}),
        recommendations=recommended(
            len(rows), whole, {one.name: one.standing for one in told}, statuses or {}, alone=only is not None
        ),
    )


def regime_of(row: Resolved) -> str | None:
    """By the one name that it has."""
    return ALIASES.get(row.regime, row.regime) if row.regime is not None else None


def figures_of(rows: Sequence[Resolved], name: MemberName) -> Floats:
    told = [figure_of(row, name) for row in rows]
    return np.array([np.nan if one is None else one for one in told], np.float64)


def on_base_of(figures: Floats, paid: Truths) -> Floats:
    """A member says which way prices go, as if both were equally frequent; paying after costs is rarer. It is asked
    whether it tells the one trade from the other, not whether it knows the costs: the calibration does."""
    told = np.isfinite(figures)
    return on_base(figures, float(paid[told].mean())) if told.any() else figures


def weight_of(rows: Sequence[Resolved], name: MemberName) -> float | None:
    told = [
        one.weight
        for row in rows
        for one in row.members
        if (one.model_type, one.version) == name and one.probability is not None
    ]
    return float(np.mean(told)) if told else None


def proposed(
    weights: Mapping[str, tuple[float, ...]], losses: Floats, regimes: NDArray[np.str_], overlap: int
) -> dict[str, Proposal] | None:
    if any(len(one) != len(losses) for one in weights.values()):
        return None
    everybody = skills(losses, overlap)
    if not any(everybody):
        return None
    found = {}
    for regime, before in weights.items():
        chosen = regimes == regime
        own = regime != EVERY and regime in REGIMES and np.count_nonzero(chosen) >= ROWS_MIN
        known = skills(losses[:, chosen], overlap) if own else everybody
        source: Source = "moved" if own or regime == EVERY else "moved_by_all_rows"
        step = moved(Weighing(before), known, source)
        found[regime] = Proposal(before, step.weights, step.source, step.rows)
    return found


def mean_of(values: Floats, overlap: int, seed: int) -> Estimate | None:
    if not values.size:
        return None
    return estimated(lambda often: mean(values, often), values, overlap, seed)
