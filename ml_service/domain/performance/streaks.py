"""Streaks: wins and losses in a row, kept so that a run goes on from one day into the next."""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple


class Streaks(NamedTuple):
    """Runs are positive for wins and negative for losses; a tie is 0, and ends either."""

    known: int = 0
    first: int = 0
    """The run it begins with."""
    current: int = 0
    """The run it ends with."""
    wins_max: int = 0
    losses_max: int = 0

    def then(self, after: "Streaks") -> "Streaks":
        if not self.known or not after.known:
            return self if self.known else after
        goes_on = self.current * after.first > 0
        joined = self.current + after.first if goes_on else 0
        # A run that fills one side whole reaches through to the far end of the other.
        return Streaks(
            self.known + after.known,
            joined if goes_on and abs(self.first) == self.known else self.first,
            joined if goes_on and abs(after.current) == after.known else after.current,
            max(self.wins_max, after.wins_max, joined),
            max(self.losses_max, after.losses_max, -joined),
        )


NO_STREAKS = Streaks()


def streaks_of(results: Iterable[float]) -> Streaks:
    """Of results in the order they came; only their sign counts."""
    signs = [(result > 0.0) - (result < 0.0) for result in results]
    if not signs:
        return NO_STREAKS
    runs = [sign * len(list(run)) for sign, run in groupby(signs)]
    return Streaks(len(signs), runs[0], runs[-1], max(0, *runs), max(0, *(-run for run in runs)))
