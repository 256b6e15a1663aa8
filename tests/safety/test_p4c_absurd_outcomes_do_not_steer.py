"""P4c: absurd outcomes do not steer: they are refused or set apart with their reason, and thresholds stay."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ml_service.web.wire import iso
from tests.safety.bots import BTC, BY_HAND, DAY_MS, ETH, Bot, evening, moment, morning
from tests.safety.callers import query, store_of
from tests.service import Service

LAST = 29
NOW_MS = evening(LAST)
ABSURD_R = "risk_multiple_implausible"
ABSURD_PERCENT = "pnl_percent_implausible"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests here; each has users of its own."""
    folder = tmp_path_factory.mktemp("absurd")
    with Service(folder, "run", None, **BY_HAND) as running:
        yield running


@pytest.fixture(scope="module")
def learned(service: Service) -> Bot:
    """A bot whose thresholds have moved, and that has two decisions with nothing reported about them."""
    bot = Bot(service, "learned")
    bot.trade(range(LAST + 1))
    assert bot.adapt(NOW_MS)["adaptation_id"] is not None
    bot.outcomes(range(LAST + 1, LAST + 2), risk=10.0)
    return bot


@pytest.mark.parametrize(
    "text",
    [
        '{"pnl": NaN}',
        '{"pnl": Infinity, "risk": 10}',
        '{"pnl": -Infinity}',
        '{"pnl": 1e999}',
        '{"pnl": "NaN"}',
        '{"pnl": "-1e6"}',
        '{"pnl_percent": -1e400}',
        '{"pnl": 1, "risk": NaN}',
        '{"pnl": 1e300, "risk": 1e-300}',
        '{"pnl": 1, "risk": 0}',
        '{"pnl": 1, "risk": -10}',
        '{"entry_price": 1e300, "exit_price": 1e-300, "quantity": 1e300, "side": "BUY"}',
    ],
)
def test_what_is_not_a_finite_result_is_refused_and_nothing_is_stored(learned: Bot, text: str) -> None:
    url = store_of(learned.service)
    before = query(url, "SELECT COUNT(*) FROM outcome_keys")

    answer = learned.service.client.post(
        "/api/v1/outcomes/learned",
        content='{"trade_id": "absurd", "symbol": "BTCUSDT", ' + text[1:],
        headers={"Content-Type": "application/json", **moment(NOW_MS)},
    )

    assert answer.status_code == 400
    assert answer.json()["code"] in ("invalid_input", "invalid_json")
    assert query(url, "SELECT COUNT(*) FROM outcome_keys") == before


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"pnl": -1e6, "risk": 1.0}, ABSURD_R),
        ({"pnl": 1e6, "risk": 1.0}, ABSURD_R),
        ({"pnl": -1e6}, ABSURD_R),  # By the risk of its signal.
        ({"pnl": 1e300}, ABSURD_R),
        ({"pnl_percent": -1e6}, ABSURD_PERCENT),
        ({"pnl_percent": 1e6}, ABSURD_PERCENT),
        ({"pnl": -1e6, "entry_price": 100.0, "quantity": 1.0}, ABSURD_PERCENT),
        ({"pnl": -8.0, "closed_at": iso(NOW_MS + DAY_MS)}, "from_the_future"),
        ({"pnl": -8.0, "closed_at": iso(NOW_MS + 4_000 * DAY_MS)}, "from_the_future"),
        ({"pnl": -8.0, "closed_at": iso(NOW_MS - 91 * DAY_MS)}, "too_old"),
    ],
)
def test_what_is_finite_and_implausible_is_set_apart_with_its_reason(
    learned: Bot, fields: dict[str, Any], why: str
) -> None:
    trade_id = f"absurd-{fields}"
    before = learned.thresholds()

    told = reported(learned, trade_id, f"{BTC}-{LAST + 1}-1", **fields)

    assert (told["status"], told["quarantined"]) == ("quarantined", why)
    assert_nothing_to_learn(learned, before)
    waiting = learned.told("GET", "/api/v1/outcomes/learned/quarantine?limit=100")["items"]
    doubts = {one["trade_id"]: one["doubt"] for one in waiting}
    assert doubts[trade_id]["expected"]


def test_a_trade_that_comes_again_with_another_result_is_refused(learned: Bot) -> None:
    first = learned.told("GET", "/api/v1/outcomes/learned?limit=1&kind=accepted")["items"][0]
    before = learned.thresholds()

    answer = learned.call(
        "POST",
        "/api/v1/outcomes/learned",
        {"trade_id": first["trade_id"], "symbol": BTC, "pnl": -1e6, "risk": 10.0},
        NOW_MS,
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "trade_id_conflict")
    assert_nothing_to_learn(learned, before)


def test_an_outcome_of_another_user_s_decision_teaches_nobody(learned: Bot) -> None:
    stranger = Bot(learned.service, "stranger")
    before = learned.thresholds()

    told = [reported(stranger, f"t-{number}", f"{BTC}-{LAST + 1}-{number}", pnl=-8.0) for number in range(24)]

    assert {(one["status"], one["matched_by"]) for one in told} == {("created", None)}
    assert stranger.adapt(NOW_MS + DAY_MS)["reason"] == "nothing new since the last adaptation"
    assert stranger.thresholds()["revision"] == 0
    assert_nothing_to_learn(learned, before)


def test_an_outcome_of_another_symbol_s_decision_teaches_neither(learned: Bot) -> None:
    before = learned.thresholds()

    told = reported(learned, "of-another-symbol", f"{BTC}-{LAST + 1}-2", symbol=ETH, pnl=-8.0)

    assert told["matched_by"] is None
    assert learned.adapt(NOW_MS + DAY_MS, ETH)["reason"] == "nothing new since the last adaptation"
    assert_nothing_to_learn(learned, before)


FLIPS_SHARE_MAX = 0.15
CYCLES = (20, 27, 34)
ONE_IN = 50
BOTS = [3, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]
POISONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"pnl": -1e6}, {}),
    ({"pnl": -1e6, "risk": None}, {}),
    ({"pnl": -1e6, "risk": None}, {"risk": 10.0}),
    # Still plausible, each of them, and as large as that can be.
    ({"pnl": -200.0}, {}),
]
"""What is put in place of an outcome, and what its signal carries besides."""

Directions = dict[tuple[int, str], bool]
"""By cycle and threshold that moved, whether it went up."""


@pytest.mark.parametrize("bots", BOTS)
def test_one_absurd_outcome_in_fifty_turns_hardly_any_threshold_around(service: Service, bots: int) -> None:
    traders = [Bot(service, f"trader-{bots}-{seed}", seed) for seed in range(bots)]
    clean = [directions(bot, "CLEAN", {}, {}) for bot in traders]

    for number, (poison, signal) in enumerate(POISONS):
        pairs = []
        for bot, expected in zip(traders, clean, strict=True):
            found = directions(bot, f"POISONED{number}", poison, signal)
            pairs += [(expected[each], found[each]) for each in expected.keys() & found.keys()]
        turned = sum(one != other for one, other in pairs)

        assert len(pairs) >= 2 * bots
        assert turned <= FLIPS_SHARE_MAX * len(pairs), (poison, signal)


def directions(bot: Bot, symbol: str, poison: Mapping[str, Any], signal: Mapping[str, Any]) -> Directions:
    """The same market each time, and the same learner: only what is put in place of one outcome in fifty differs."""
    found: Directions = {}
    begin = 0
    for end in CYCLES:
        outcomes = bot.outcomes(range(begin, end), symbol, "the same", **signal)
        for one in outcomes[::ONE_IN]:
            one.update(poison)
        given = [{name: value for name, value in one.items() if value is not None} for one in outcomes]
        bot.report(given, evening(end))
        for move in bot.adapt(evening(end), symbol)["updates"]:
            found[end, move["parameter"]] = move["new_value"] > move["old_value"]
        begin = end
    return found


def test_learning_stands_still_while_more_than_ten_of_a_hundred_are_set_apart_and_goes_on_once_they_are_released(
    service: Service,
) -> None:
    bot = Bot(service, "flooded")
    bot.trade(range(LAST + 1))
    names = [f"absurd-{number}" for number in range(11)]
    for name in names:
        reported(bot, name, f"{BTC}-{LAST}-1", pnl_percent=-1e6, closed_at=iso(NOW_MS))

    frozen = bot.adapt(NOW_MS)
    release(bot, names[0])
    thawed = bot.adapt(NOW_MS)

    assert frozen["verdict"] == "held"
    assert "11 of the last 100 outcomes are in quarantine" in frozen["reason"]
    assert frozen["revision"] == 0
    assert thawed["verdict"] == "moved"


def test_what_was_stamped_by_a_clock_far_ahead_holds_learning_up_only_until_a_hundred_newer_ones_are_there(
    service: Service,
) -> None:
    bot = Bot(service, "ahead")
    bot.trade(range(LAST + 1))
    for number in range(11):
        reported(bot, f"ahead-{number}", f"{BTC}-{LAST}-1", pnl=1.0, closed_at=iso(NOW_MS + 4_000 * DAY_MS))

    frozen = bot.adapt(NOW_MS)
    bot.trade(range(LAST + 1, LAST + 6))
    later = bot.adapt(evening(LAST + 5))

    assert "11 of the last 100 outcomes are in quarantine" in frozen["reason"]
    assert later["verdict"] == "moved"


def reported(bot: Bot, trade_id: str, decision_id: str, **fields: Any) -> dict[str, Any]:
    closed_at = iso(morning(LAST) + DAY_MS // 2)
    body = {"trade_id": trade_id, "symbol": BTC, "closed_at": closed_at, "decision_id": decision_id, **fields}
    return bot.told("POST", f"/api/v1/outcomes/{bot.user}", body, NOW_MS)


def release(bot: Bot, trade_id: str) -> None:
    bot.told("POST", f"/api/v1/outcomes/{bot.user}/quarantine/{trade_id}/release", {"reason": "looked at"}, NOW_MS)


def assert_nothing_to_learn(bot: Bot, before: dict[str, Any]) -> None:
    """A day later there is nothing new for it, and its thresholds are what they were."""
    told = bot.adapt(NOW_MS + DAY_MS)
    assert told["verdict"] == "held"
    assert told["evidence"]["new_outcomes"] == 0
    after = bot.thresholds()
    assert (after["revision"], after["thresholds"]) == (before["revision"], before["thresholds"])
