"""Student's t: how many standard errors a 95 % interval reaches, for whole degrees of freedom."""

import math
from functools import lru_cache

NORMAL_QUANTILE = 1.959963984540054
"""0.975 of the normal distribution, the limit of many degrees of freedom."""

EXACT_MAX = 30
"""Above, the expansion is right to seven digits."""


@lru_cache(maxsize=64)
def student_quantile(df: int) -> float:
    assert df >= 1
    return by_halving(df) if df <= EXACT_MAX else by_expansion(df)


def by_halving(df: int) -> float:
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle, df) < 0.95 else (low, middle)
    return math.tan(low) * math.sqrt(df)


def inside(angle: float, df: int) -> float:
    """The probability within ±t, t = tan(angle) √df (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = df % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, df - 1, 2):
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def by_expansion(df: int) -> float:
    """Abramowitz and Stegun, 26.7.5."""
    z = NORMAL_QUANTILE
    return (
        z
        + (z**3 + z) / (4 * df)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * df**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * df**4)
    )
