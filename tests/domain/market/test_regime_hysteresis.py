"""Hysteresis: following a set of possible regimes finds the one that whoever knew it from the start would hold."""

import numpy as np

from ml_service.domain.market.regime_hysteresis import ALL, COUNT, REGIME_OF, SETTLING_BARS, followed


def verdicts(bars: int, seed: int) -> list[int]:
    """A best regime, which always stays, and some of the others."""
    random = np.random.default_rng(seed)
    best, others = random.integers(0, COUNT, bars), random.integers(0, ALL + 1, bars)
    return [int(b << COUNT | o | 1 << b) for b, o in zip(best, others, strict=True)]


def held(first: int, bars: list[int]) -> list[int]:
    """The rule itself, for one who knows the regime before the first bar."""
    regimes = []
    for verdict in bars:
        best, staying = divmod(verdict, ALL + 1)
        first = first if staying >> first & 1 else best
        regimes.append(first)
    return regimes


def test_the_set_holds_what_each_beginning_leads_to_and_nothing_else() -> None:
    for seed in range(200):
        bars = verdicts(12, seed)
        histories = [held(first, bars) for first in range(COUNT)]

        expected = [sum({1 << history[place] for history in histories}) for place in range(len(bars))]

        assert list(followed(bars)) == expected


def test_only_a_single_regime_is_told() -> None:
    assert [REGIME_OF[possible] for possible in (0b0001, 0b0010, 0b0100, 0b1000)] == [0, 1, 2, 3]
    assert all(REGIME_OF[possible] == -1 for possible in range(ALL + 1) if possible.bit_count() != 1)


def test_where_nothing_is_ever_clear_the_best_is_taken_in_the_end() -> None:
    best = 2
    unclear = best << COUNT | ALL

    sets = followed([unclear] * (SETTLING_BARS + 3))

    assert [REGIME_OF[possible] for possible in sets] == [-1] * (SETTLING_BARS - 1) + [best] * 4
