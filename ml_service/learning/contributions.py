"""Contributions: what each feature added to one member's log odds, by the library that the member was trained with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml_service.domain.market.row_windows import Window
from ml_service.domain.models.calibration import log_odds, squashed
from ml_service.errors import ForeignSchema, ModelRefused
from ml_service.features.schema import SCHEMA, objection
from ml_service.learning.trainers.spec import Trained

APART_MAX = 1e-5
"""As a chance: so far from a member's own figure may its contributions add up by rounding, and no farther."""


@dataclass(frozen=True, slots=True)
class MemberContributions:
    """All in log odds of a rise."""

    log_odds: float
    """Of the member's own figure, before weights and calibration."""
    before: float | None = None
    """What stood before any feature; None with `added`."""
    added: Mapping[str, float] | None = None
    """By feature; None where the member's library tells no shares."""


def contributions_of(model: Trained, window: Window) -> MemberContributions:
    """`window` is [row, feature], the newest last, as long as the longest member wants."""
    if doubt := objection(model.schema, SCHEMA):
        raise ForeignSchema(doubt)
    rows = window[None, -model.rows_back :].astype(np.float32)
    rise, found = float(model.rises(rows)[0]), model.contributions(rows)
    if found is None:
        return MemberContributions(log_odds(rise))
    before, added = float(found.before[0]), found.added[0].tolist()
    together = squashed(before + sum(added))
    if abs(together - rise) > APART_MAX:
        raise ModelRefused(f"contributions: expected them to come to a chance of {rise:.6f}, found {together:.6f}")
    return MemberContributions(log_odds(rise), before, dict(zip(SCHEMA.names, added, strict=True)))
