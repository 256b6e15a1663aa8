"""What a result is worth: what one more trade like it does to the score, in units of what one R does."""

import numpy as np
import pytest

from ml_service.domain.adaptation import SCORE_WEIGHTS, Anchored, anchored
from ml_service.domain.adaptation.evidence import Evidence, evidence
from ml_service.domain.adaptation.presets import Options
from ml_service.domain.adaptation.utility import RESULTS, TRADES_MIN, Worth, worth_of
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.performance import performance_of_trades
from ml_service.domain.performance.score import score
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.adaptation.markets import LIMITS, live


def traded(trades: int = 300, days: int = 30, mean: float = 0.2) -> Evidence:
    random = np.random.default_rng(0)
    results = random.normal(mean, 1.1, trades)
    return evidence(np.zeros((trades, 1)), results, np.ones(trades, dtype=np.bool_), np.sort(np.arange(trades) % days))


def when(trade: ClosedTrade) -> int:
    return trade.at_ms


def worth(found: Evidence, **weights: float) -> Worth:
    known = worth_of(found, weights or SCORE_WEIGHTS)
    assert known is not None
    return known


def test_where_only_the_return_counts_a_result_is_worth_nearly_itself() -> None:
    small = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])

    np.testing.assert_allclose(worth(traded(), total_return=1.0).of(small), small, atol=0.05)


def test_where_wins_count_a_small_loss_is_nearly_as_bad_as_a_large_one() -> None:
    wins = worth(traded(), total_return=0.1, win_rate=10.0)

    lost, little, won = wins.of(np.array([-3.0, -0.5, 0.5])).tolist()

    assert lost == pytest.approx(little, rel=0.5)
    assert won > 0.0


def test_where_volatility_counts_a_large_gain_is_worth_less_than_its_size() -> None:
    calm = worth(traded(), total_return=0.3, volatility=-0.3)

    assert calm.of(np.array([4.0]))[0] < 3.0
    assert calm.of(np.array([-2.0]))[0] < -2.0


def test_it_is_what_the_score_itself_says_of_one_more_trade() -> None:
    found = traded()
    weights = {"total_return": 0.3, "sharpe_ratio": 0.25, "win_rate": 0.2}
    trades = [
        ClosedTrade(int(day) * DAY_MS, "*", pnl_percent=float(r), r=float(r))
        for day, r in zip(found.days, found.results, strict=True)
    ]

    def with_one_more(result: float) -> float:
        more = [ClosedTrade(day * DAY_MS, "*", pnl_percent=result, r=result) for day in range(30)]
        scores = [score(performance_of_trades(sorted([*trades, one], key=when)), weights) for one in more]
        return float(np.mean([one.value for one in scores if one is not None]))

    before = score(performance_of_trades(trades), weights)
    assert before is not None
    slope = (with_one_more(1.0) - with_one_more(-1.0)) / 2.0
    expected = [(with_one_more(result) - before.value) / slope for result in (-3.0, -1.0, 0.5, 2.0)]

    np.testing.assert_allclose(worth(found, **weights).of(np.array([-3.0, -1.0, 0.5, 2.0])), expected, atol=0.25)


@pytest.mark.parametrize(
    ("found", "weights"),
    [
        (traded(TRADES_MIN - 1), SCORE_WEIGHTS),
        (traded(100, days=5), SCORE_WEIGHTS),
        (traded(), {"total_return": -1.0}),
        (traded(), {"max_drawdown": 0.0}),
    ],
)
def test_without_a_score_to_ask_plain_results_count(found: Evidence, weights: dict[str, float]) -> None:
    assert worth_of(found, weights) is None


def test_a_trade_that_would_make_all_days_equal_has_a_worth_too() -> None:
    """One trade a day of exactly 1 R: 24 won, one lost."""
    days = 25
    found = evidence(
        np.zeros((days, 1)), np.array([1.0] * (days - 1) + [-1.0]), np.ones(days, dtype=np.bool_), np.arange(days)
    )

    assert np.isfinite(worth(found).values).all()


def test_no_single_result_counts_more_than_it_may_in_r() -> None:
    found = worth(traded(40), total_return=0.3, win_rate=0.2, volatility=-0.5)

    assert np.abs(found.values).max() <= 4.0


def test_rejected_signals_are_not_part_of_the_score() -> None:
    taken, rejected = traded(), traded(mean=-2.0)
    joined = evidence(
        np.zeros((600, 1)),
        np.concatenate([taken.results, rejected.results]),
        np.repeat([True, False], 300),
        np.concatenate([taken.days, rejected.days]),
    )

    np.testing.assert_allclose(worth(joined).values, worth(taken).values, rtol=1e-9)


def test_a_learner_can_be_asked_to_follow_the_score() -> None:
    def learned(utility: str) -> Anchored:
        learner = anchored(LIMITS, 3, utility=utility)
        live(learner, range(60))
        return learner

    plain, scored = learned("net_r"), learned("score")

    assert plain.memory.known == scored.memory.known
    assert not np.array_equal(plain.memory.weights, scored.memory.weights)


def test_another_utility_is_refused() -> None:
    with pytest.raises(ValueError, match="utility: expected one of net_r, score, found 'profit'"):
        Options(utility="profit")  # type: ignore[arg-type]


def test_results_that_were_tried_are_worth_what_was_found() -> None:
    found = worth(traded())

    np.testing.assert_allclose(found.of(RESULTS), found.values)
