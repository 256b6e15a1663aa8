"""Hysteresis: a regime stays until another one leads by the margin.

Its only memory is the regime itself. What that was before the first bar is not known, so it begins with all of
them as possible, and tells none until the bars leave one: whichever of them it had been, it would be this one now.
A classifier that saw only the last bars therefore says the same as one that saw everything, or nothing.

In a market where nothing is ever clear that could last for ever. So the best is taken after SETTLING_BARS, which
is the one place where a beginning may matter.
"""

from collections.abc import Sequence

SETTLING_BARS = 120
"""On nineteen real series, regimes were down to one after 3 bars in the median, and after no more than 120 in all but
one of 82,137 beginnings; that one took 127."""

COUNT = 4
ALL = (1 << COUNT) - 1
"""A set of regimes is a number with one bit for each."""


def after(possible: int, verdict: int) -> int:
    """The set that is possible after a bar. A verdict is (best regime) × 16 + (set of those that stay)."""
    best, staying = divmod(verdict, ALL + 1)
    kept = possible & staying
    return kept if kept == possible else kept | 1 << best


AFTER = tuple(tuple(after(possible, verdict) for verdict in range(COUNT * (ALL + 1))) for possible in range(ALL + 1))

UNSETTLED = -1

REGIME_OF = tuple(possible.bit_length() - 1 if possible.bit_count() == 1 else UNSETTLED for possible in range(ALL + 1))
"""The place of the only regime that is possible."""


def settled(verdict: int) -> int:
    """The same, but none other than the best stays."""
    best = verdict >> COUNT
    return best << COUNT | 1 << best


def followed(verdicts: Sequence[int]) -> bytes:
    """The set of possible regimes after each bar, from the first on that has a verdict."""
    possible = ALL
    sets = bytearray()
    add = sets.append
    for verdict in verdicts[: SETTLING_BARS - 1]:
        possible = AFTER[possible][verdict]
        add(possible)
    for verdict in verdicts[SETTLING_BARS - 1 : SETTLING_BARS]:
        possible = AFTER[possible][verdict if REGIME_OF[possible] != UNSETTLED else settled(verdict)]
        add(possible)
    for verdict in verdicts[SETTLING_BARS:]:
        possible = AFTER[possible][verdict]
        add(possible)
    return bytes(sets)
