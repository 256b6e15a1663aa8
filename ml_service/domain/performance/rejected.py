"""What was rejected: the value of the trades that were not taken, in R."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_service.domain.performance.daily import daily_of_days
from ml_service.domain.performance.days import Day
from ml_service.domain.statistics.estimate import Estimate, clustered_mean


@dataclass(frozen=True, slots=True)
class RejectedValue:
    """Above 0: rejecting them cost that much. Below: it saved that much."""

    count: int
    known: int
    """Of how many R is known; sum and mean are theirs."""
    sum_r: Estimate | None
    mean_r: Estimate | None


def rejected_value(days: Sequence[Day]) -> RejectedValue:
    """Of the counterfactual trades alone. Intervals count days as the pieces, so they need two."""
    r = daily_of_days(days).r
    known = int(r.counts.sum())
    mean = clustered_mean(r.sums, r.counts)
    return RejectedValue(
        count=sum(day.summary.trades for day in days),
        known=known,
        sum_r=mean.times(known) if mean else None,
        mean_r=mean,
    )
