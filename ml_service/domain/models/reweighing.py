"""Reweighing: what a set's members proved worth on resolved predictions, as other weights and, where that is borne out,
as another calibration."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.ensemble import combined, weights_of_the_heard
from ml_service.domain.models.fitting import calibrated, fitted
from ml_service.domain.models.metrics import log_losses, mean
from ml_service.domain.models.report.report import ModelReport, model_report, regime_of
from ml_service.domain.models.report.resolved import MemberName, Resolved, figure_of, one_per_episode, overlap_of
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.weights import ROWS_MIN
from ml_service.domain.statistics.blocks import estimated
from ml_service.domain.types import Trade

CALIBRATION_ROWS_MIN = 400
"""Of one side. The earlier half fits a line; the later half says whether it is better than the one there is."""


@dataclass(frozen=True, slots=True)
class Reweighed:
    models: ModelSet
    """Without an id and a version of its own."""
    report: ModelReport
    """Of the predictions that moved it."""
    recalibrated: tuple[Trade, ...]
    """The sides whose calibration is a new one."""


def reweighed(before: ModelSet, read: Sequence[Resolved]) -> Reweighed | str:
    """One step from the set's own weights; or why there is too little to take it by."""
    names = [MemberName(one.model_type, one.version) for one in before.members]
    report = model_report(read, members=names, weights=before.weights)
    if report.proposal is None:
        return (
            f"expected at least {ROWS_MIN} episodes with figures of the members, in several independent stretches;"
            f" found {report.episodes} episodes in {report.predictions} resolved predictions, each made while"
            f" {report.overlap - 1} others were open"
        )
    after = replace(
        before, set_id="", version=0, weights={regime: step.after for regime, step in report.proposal.items()}
    )
    rows = one_per_episode(read)
    rises, falls = better_line(after, "BUY", rows, names), better_line(after, "SELL", rows, names)
    new: dict[Trade, Calibration | None] = {"BUY": rises, "SELL": falls}
    return Reweighed(
        replace(after, rises=rises or before.rises, falls=falls or before.falls),
        report,
        tuple(side for side, line in new.items() if line is not None),
    )


def better_line(
    models: ModelSet, side: Trade, rows: Sequence[Resolved], names: Sequence[MemberName]
) -> Calibration | None:
    """Fitted to all rows of the side, where one fitted to the earlier half cost less in the later half than the set's
    own did, and not by luck."""
    told = [(row, pooled) for row in rows if row.side == side and (pooled := pooled_of(models, row, names)) is not None]
    if len(told) < CALIBRATION_ROWS_MIN:
        return None
    figures = np.array([pooled for _, pooled in told], np.float64)
    paid = np.array([row.paid for row, _ in told], bool)
    overlap = overlap_of([row for row, _ in told])
    # What was still open when the later half began is evidence of neither.
    begin = len(told) // 2
    earlier = np.array([row.known_at_ms <= told[begin][0].at_ms for row, _ in told[:begin]], bool)
    if not earlier.any():
        return None
    tried = fitted(figures[:begin][earlier], paid[:begin][earlier])
    held = models.rises if side == "BUY" else models.falls
    gains = log_losses(calibrated(held, figures[begin:]), paid[begin:]) - log_losses(
        calibrated(tried, figures[begin:]), paid[begin:]
    )
    gain = estimated(lambda often: mean(gains, often), gains, overlap)
    return fitted(figures, paid) if gain.low is not None and gain.low > 0.0 else None


def pooled_of(models: ModelSet, row: Resolved, names: Sequence[MemberName]) -> float | None:
    """What the members' figures come to with the set's weights, towards the signal's side."""
    figures = [np.nan if (found := figure_of(row, name)) is None else found for name in names]
    weights = weights_of_the_heard(figures, models.weights_in(regime_of(row)))
    return combined(figures, weights) if any(weights) else None


def evidence_document(
    found: Reweighed, former: str, sets: Sequence[str], since_ms: int, until_ms: int
) -> dict[str, Any]:
    """Where the weights come from: the set, the window, and what each member's figures cost in it."""
    report = found.report
    assert report.proposal is not None
    return {
        "from": former,
        "predictions_of": list(sets),
        "since_ms": since_ms,
        "until_ms": until_ms,
        "predictions": report.predictions,
        "episodes": report.episodes,
        "overlap": report.overlap,
        "members": [
            {
                "model_type": one.name.model_type,
                "version": one.name.version,
                "episodes": one.standing.score.rows if one.standing is not None else 0,
                "log_loss": asdict(one.standing.score.log_loss) if one.standing is not None else None,
            }
            for one in report.members
        ],
        "weighing": {regime: asdict(step) for regime, step in report.proposal.items()},
        "recalibrated": list(found.recalibrated),
    }
