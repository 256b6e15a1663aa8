"""Settings under which no threshold could ever move are found out before the start."""

from dataclasses import replace

import pytest

from ml_service.domain.adaptation import AdaptationPolicy, immovable
from ml_service.domain.types import Limits
from tests.builders import policy


def test_the_defaults_can_move() -> None:
    assert immovable(AdaptationPolicy(), policy()) == ()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"change_share_min": 0.1, "span_share_max": 0.1}, "adaptation.change_share_min"),
        ({"change_share_min": 0.2}, "adaptation.change_share_min"),
        ({"learning_rate": 0.0}, "adaptation.learning_rate"),
        ({"trades_min": 101}, "adaptation.trades_min"),
        ({"score_weights": {"win_rate": 0.0, "volatility": 0.0}}, "adaptation.score_weights"),
        ({"score_weights": {}}, "adaptation.score_weights"),
    ],
)
def test_each_reason_to_stand_still_is_named(changes: dict[str, object], path: str) -> None:
    stuck = replace(AdaptationPolicy(), **changes)  # type: ignore[arg-type]  # one field after the other

    assert [error.path for error in immovable(stuck, policy())] == [path]


def test_all_reasons_are_named_at_once() -> None:
    stuck = AdaptationPolicy(learning_rate=0.0, trades_min=500, change_share_min=1.0, score_weights={})

    assert len(immovable(stuck, policy())) == 4


def test_a_gate_without_any_room_is_named() -> None:
    nailed = {name: Limits(limits.default, limits.default, limits.default) for name, limits in policy().items()}

    assert [error.path for error in immovable(AdaptationPolicy(), nailed)] == ["gate"]


def test_one_parameter_with_room_is_enough() -> None:
    gate = {name: Limits(limits.default, limits.default, limits.default) for name, limits in policy().items()}
    gate["rsi_threshold"] = Limits(70.0, 50.0, 90.0)

    assert immovable(AdaptationPolicy(), gate) == ()


def test_just_below_the_edge_it_can_move() -> None:
    assert immovable(AdaptationPolicy(trades_min=100, change_share_min=0.099), policy()) == ()
