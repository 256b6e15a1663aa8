"""How often the 95 % intervals of the model reports hold the truth, on made-up series whose truth is known.

    python -m benchmarks.intervals [SERIES]

So many series of each kind, 1,000 if left out, with one interval each. Beside the service's: intervals from blocks of
twice the overlap, and from single rows as if they were independent. The width is over that of an interval that knows
how much the figure really varies. One core, some ten minutes.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import table
from ml_service.domain.models.metrics import auc, log_losses, mean, ranks
from ml_service.domain.statistics.blocks import between, draws, estimated
from ml_service.domain.statistics.estimate import Estimate, share
from ml_service.domain.statistics.student import NORMAL_QUANTILE

KNOWN = 0.3
"""How much of what moves prices the made-up chances know of."""
SETTLING_ROWS = 200
ENDLESS_ROWS, ENDLESS_SEEDS = 200_000, 20
"""Stand for rows without end, where the truth is told from them."""
HEAD = ("figure", "rows", "overlap", "the service, %", "its width", "blocks of twice the overlap, %", "single rows, %")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a report tells from one series."""

    figure: Callable[[Floats], float]
    series: Floats


Maker = Callable[[np.random.Generator, int, int], Seen]


@dataclass(frozen=True, slots=True)
class Kind:
    rows: int
    overlap: int
    make: Maker
    truth: float = 0.0


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    kinds = {
        "mean, independent rows": Kind(2_000, 1, overlapping),
        "mean, labels that overlap by 20": Kind(4_000, 20, overlapping),
        "mean, labels that overlap by 48": Kind(6_000, 48, overlapping),
        "mean, autocorrelation 0.95": Kind(6_000, 12, remembering),
        "mean, autocorrelation 0.95, few rows": Kind(500, 12, remembering),
        "log loss gained": Kind(4_000, 20, gained, endless(gained)),
        "AUC": Kind(4_000, 20, ranked, endless(ranked)),
    }
    print(f"How often an interval held the truth, in {count:,} series each; in brackets by luck (95 %).\n")
    print(
        table(
            HEAD, [[name, f"{kind.rows:,}", f"{kind.overlap}", *measured(kind, count)] for name, kind in kinds.items()]
        )
    )


def measured(kind: Kind, count: int) -> list[str]:
    found = [intervals(kind, seed) for seed in range(count)]
    ideal = 2.0 * NORMAL_QUANTILE * float(np.std([own.value for own, *_ in found]))
    width = float(np.mean([high - low for low, high in (ends(own) for own, *_ in found)])) / ideal
    own, *others = (shared([ends(one) for one in way], kind.truth) for way in zip(*found, strict=True))
    return [own, f"{width:.2f}", *others]


def intervals(kind: Kind, seed: int) -> tuple[Estimate, Estimate, Estimate]:
    seen = kind.make(np.random.default_rng(seed), kind.rows, kind.overlap)
    value = seen.figure(np.ones(kind.rows))

    def of_blocks(length: int) -> Estimate:
        return between(value, [seen.figure(often) for often in draws(kind.rows, length, seed)], wider=1.0)

    return estimated(seen.figure, seen.series, kind.overlap, seed), of_blocks(2 * kind.overlap), of_blocks(1)


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


def shared(found: list[tuple[float, float]], truth: float) -> str:
    held = share(sum(low <= truth <= high for low, high in found), len(found))
    assert held is not None
    low, high = ends(held)
    return f"{100 * held.value:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def overlapping(random: np.random.Generator, rows: int, overlap: int) -> Seen:
    return mean_of(sums(random, rows, overlap))


def remembering(random: np.random.Generator, rows: int, overlap: int) -> Seen:
    return mean_of(autoregression(random, rows, 0.95))


def gained(random: np.random.Generator, rows: int, overlap: int) -> Seen:
    return mean_of(gains(*forecasts(random, rows, overlap)))


def ranked(random: np.random.Generator, rows: int, overlap: int) -> Seen:
    chances, came = forecasts(random, rows, overlap)
    places = ranks(chances)
    return Seen(lambda often: auc(places, came, often), gains(chances, came))


def mean_of(values: Floats) -> Seen:
    return Seen(lambda often: mean(values, often), values)


def gains(chances: Floats, came: NDArray[np.bool_]) -> Floats:
    return math.log(2.0) - log_losses(chances, came)


def forecasts(random: np.random.Generator, rows: int, overlap: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Chances that are right, that remember what they said, and what came true, which overlaps."""
    known, unknown = KNOWN * autoregression(random, rows, 0.9), math.sqrt(1.0 - KNOWN**2)
    chances = [0.5 * (1.0 + math.erf(one / unknown / math.sqrt(2.0))) for one in known.tolist()]
    return np.array(chances), known + unknown * sums(random, rows, overlap) > 0.0


def sums(random: np.random.Generator, rows: int, overlap: int) -> Floats:
    """Of so many neighbours, with a variance of 1."""
    whole = np.cumsum(random.normal(size=rows + overlap))
    found: Floats = (whole[overlap:] - whole[:-overlap]) / math.sqrt(overlap)
    return found


def autoregression(random: np.random.Generator, rows: int, kept: float) -> Floats:
    """Each row keeps that share of the one before it; with a variance of 1."""
    fresh = (random.normal(size=rows + SETTLING_ROWS) * math.sqrt(1.0 - kept**2)).tolist()
    return np.array(list(accumulate(fresh, lambda before, new: kept * before + new)))[SETTLING_ROWS:]


def endless(make: Maker) -> float:
    told = [make(np.random.default_rng((1, seed)), ENDLESS_ROWS, 1) for seed in range(ENDLESS_SEEDS)]
    return float(np.mean([one.figure(np.ones(ENDLESS_ROWS)) for one in told]))


if __name__ == "__main__":
    main()
