"""Exploration: which refused signals are taken all the same, and with what chance."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.exploration import chance_of, draw, share_from, with_exploration
from ml_service.domain.gate import decide
from ml_service.domain.types import OnMissing, Reason, Signal, Verdict
from ml_service.settings import Settings
from ml_service.settings.sections import AdaptationSettings
from tests.builders import decision, drawn, policy, signal, values

MISSED = signal(confidence=0.1)
EVERY_ONE = 1.0


def judged(given_signal: Signal, share: float, killed: bool = False, **on_missing: OnMissing) -> Verdict:
    rules = policy(**on_missing)
    verdict = decide(given_signal, values(), rules, killed=killed)
    made = decision(judged=given_signal, verdict=verdict, killed=killed)
    return with_exploration(made, share, rules).verdict


def test_the_share_of_the_refused_that_is_taken_is_the_share_of_the_settings() -> None:
    codes = [drawn(0.1, f"d-{number}").verdict.code for number in range(20_000)]

    # Four standard deviations of a binomial share around a tenth.
    assert codes.count("explored") / len(codes) == pytest.approx(0.1, abs=4 * (0.1 * 0.9 / len(codes)) ** 0.5)
    assert set(codes) == {"explored", "limit_missed"}


def test_an_explored_signal_is_a_take_that_names_its_share_after_the_parameters() -> None:
    before, after = decide(MISSED, values(), policy()), judged(MISSED, EVERY_ONE)

    assert (after.decision, after.code) == ("take", "explored")
    assert after.reasons == (*before.reasons, Reason("explored", "pass", None, 1.0, None))


def test_a_signal_that_is_asked_about_again_keeps_its_draw() -> None:
    again = [
        with_exploration(
            decision(judged=replace(MISSED, details={"signal_id": "s-1"}))._replace(decision_id=f"d-{number}"),
            0.5,
            policy(),
        ).verdict
        for number in range(50)
    ]

    assert again[0].code in ("explored", "limit_missed")
    assert again[0].reasons[-1].code in ("explored", "not_explored")
    assert all(one == again[0] for one in again)


def test_one_that_stays_refused_names_the_chance_of_that() -> None:
    spared = next(
        one for one in (drawn(0.05, f"d-{number}") for number in range(100)) if one.verdict.decision != "take"
    )

    assert (spared.verdict.decision, spared.verdict.code) == ("reject", "limit_missed")
    assert spared.verdict.reasons[-1] == Reason("not_explored", "none", None, 0.95, None)


def test_by_default_every_verdict_stays_as_the_gate_gave_it() -> None:
    made = decision(judged=MISSED)

    assert with_exploration(made, AdaptationSettings().exploration, policy()) is made


@pytest.mark.parametrize(
    ("given_signal", "code"),
    [
        (signal(confidence=0.9), "all_passed"),
        (signal("HOLD", confidence=0.1), "hold"),
        (signal(None, confidence=0.1), "no_action"),
        (signal("BUY"), "no_parameters"),
    ],
)
def test_what_was_refused_for_anything_but_a_limit_is_left_alone(given_signal: Signal, code: str) -> None:
    verdict = judged(given_signal, EVERY_ONE)

    assert verdict.code == code
    assert chance_of(verdict) is None


@pytest.mark.parametrize("demand", ["abstain", "reject"])
@pytest.mark.parametrize(("confidence", "code"), [(0.9, "parameter_missing"), (0.1, "limit_missed")])
def test_what_lacks_a_value_that_the_settings_demand_is_left_alone(
    demand: OnMissing, confidence: float, code: str
) -> None:
    verdict = judged(signal(confidence=confidence), EVERY_ONE, rsi_threshold=demand)

    assert verdict.code == code
    assert chance_of(verdict) is None


def test_under_the_kill_switch_nothing_is_explored() -> None:
    assert judged(MISSED, EVERY_ONE, killed=True).code == "kill_switch"


@pytest.mark.parametrize("killed", [False, True])
def test_what_closes_a_position_is_not_explored(killed: bool) -> None:
    closing = replace(MISSED, reduce_only=True)

    assert judged(closing, EVERY_ONE, killed=killed) == decide(closing, values(), policy(), killed=killed)


def test_the_draw_is_the_same_on_every_machine() -> None:
    # What `printf 'ada\0d-1' | sha256sum` begins with, as far as a float holds it.
    assert draw("ada", "d-1") == (0x666E3BAF13C086CF >> 11) / 2**53


def test_users_and_decisions_are_drawn_apart() -> None:
    assert len({draw("ada", "d-1"), draw("ada", "d-2"), draw("bob", "d-1"), draw("adad", "-1")}) == 4


@given(st.text(), st.text(), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_a_larger_share_explores_whatever_a_smaller_one_does(user: str, name: str, one: float, other: float) -> None:
    made = decision(name, user, judged=MISSED)

    smaller, larger = (with_exploration(made, share, policy()).verdict.code for share in sorted((one, other)))

    assert 0.0 <= draw(user, name) < 1.0
    assert larger == "explored" or smaller != "explored"


def test_where_nothing_was_left_to_chance_there_is_none() -> None:
    assert chance_of(decision().verdict) is None


def test_the_share_comes_back_from_a_stored_document() -> None:
    chosen = Settings().model_copy(update={"adaptation": AdaptationSettings(exploration=0.05)})

    assert share_from(chosen.document()) == 0.05


def test_a_document_from_before_exploration_has_none_of_it() -> None:
    document = Settings().document()
    del document["adaptation"]["exploration"]

    assert share_from(document) == share_from({}) == 0.0
