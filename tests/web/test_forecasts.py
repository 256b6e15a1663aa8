"""Forecasts: what a champion says reaches the answer, the record and the replay; and what keeps it from speaking."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml_service.adapters.inference.graph import open_graph
from ml_service.adapters.inference.shelved import ShelvedGraphs
from ml_service.domain.job import Job
from ml_service.domain.keys import Principal
from ml_service.domain.models.calibration import Calibration, log_odds, squashed
from ml_service.domain.models.champions import after_rollback
from ml_service.domain.models.record import record_of
from ml_service.domain.models.set_document import SignedSet
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import Place
from ml_service.domain.models.speaking import Figures, Question, question
from ml_service.features.schema import SCHEMA
from ml_service.usecases.jobs import EXPLAIN
from ml_service.usecases.replay import Models, replay_between
from ml_service.web.schemas.jobs import job_data
from tests.builders import NOW_MS
from tests.candles import BTC, FIRST_MS, HOUR_MS, walk
from tests.champions import certain, crowned, graph_of, listening, shelved_set, slowed
from tests.models import FOREIGN_KEY
from tests.web.desk import Desk, opened
from tests.web.test_market import at, post, told

CLOSED_MS = FIRST_MS + 600 * HOUR_MS
NOW = at(CLOSED_MS + 60_000)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A process of its own for each test: who serves is known to the whole process."""
    with opened(tmp_path) as started:
        yield started


def made(desk: Desk, *parts: Any, **fields: Any) -> SignedSet:
    return shelved_set(desk.process._shelf, *parts, **{"key": desk.process._signing_key, **fields})


def promote(desk: Desk, champion: SignedSet) -> None:
    """And wait until the process has looked."""
    crowned(champion, desk.process._store)
    desk.process._snapshot.catch_up()
    desk.process._forecaster.look()


def fed(desk: Desk, symbol: str = "BTCUSDT", bars: int = 600) -> None:
    post(desk, symbol, told(walk(bars)), CLOSED_MS)


def paying(odds: float) -> float:
    """By the calibration of the tests' sets."""
    return squashed(-0.1 + 0.9 * odds)


def test_the_champion_s_probability_takes_the_place_of_the_signal_s_confidence(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, certain(1.0), certain(2.0), certain(3.0), weights={"*": (0.2, 0.3, 0.5)}))

    answer = desk.evaluate(user, NOW, confidence=0.1)

    expected = paying(0.2 * 1.0 + 0.3 * 2.0 + 0.5 * 3.0)
    assert answer["probability"] == pytest.approx(expected, abs=1e-5)
    assert answer["adjusted_confidence"] == answer["probability"]
    assert answer["confidence_adjustment"] == 0.2
    assert (answer["model_status"], answer["decision"]) == ("ok", "take")
    model = answer["model"]
    assert (model["id"], model["version"], model["regime"]) == ("s-1", "1", answer["regime"])
    assert [(one["type"], one["version"], one["weight"]) for one in model["members"]] == [
        ("logistic", 1, 0.2),
        ("forest", 1, 0.3),
        ("xgboost", 1, 0.5),
    ]
    assert [one["probability"] for one in model["members"]] == [round(squashed(odds), 6) for odds in (1, 2, 3)]
    assert 0.0 < model["disagreement"] < 0.2


def test_a_sale_is_judged_from_the_other_side(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, certain(2.0)))

    answer = desk.evaluate(user, NOW, action="SELL", rsi=20, change_percent=-2.5)

    assert answer["probability"] == pytest.approx(squashed(0.05 + 0.8 * log_odds(1.0 - squashed(2.0))), abs=1e-5)
    assert answer["model"]["members"][0]["probability"] == round(1.0 - squashed(2.0), 6)
    assert answer["decision"] == "reject"


def test_a_batch_runs_each_graph_once_and_one_row_is_asked_about_once(desk: Desk, user: str) -> None:
    for number in range(3):
        post(desk, f"C{number}USDT", told(walk(600, seed=number)), CLOSED_MS)
    promote(desk, made(desk, listening(0, 50.0), place=Place()))
    runs: list[int] = []
    graph = desk.process._forecaster._champions.open[Place()].graph
    run = graph.run
    graph.run = lambda rows: runs.append(len(rows)) or run(rows)  # type: ignore[method-assign, func-returns-value]  # it counts
    signals = [{"symbol": f"C{number % 4}USDT", "action": "BUY", "confidence": 0.9} for number in range(40)]

    results = desk.data("POST", f"/api/v1/evaluate/{user}/batch", {"signals": signals}, headers=NOW)["results"]

    assert runs == [3]
    told_of = [(one["data"]["symbol"], one["data"]["model_status"], one["data"]["probability"]) for one in results]
    assert {(symbol, status) for symbol, status, _ in told_of} == {
        ("C0USDT", "ok"),
        ("C1USDT", "ok"),
        ("C2USDT", "ok"),
        ("C3USDT", "no_features"),
    }
    assert len({(symbol, probability) for symbol, _, probability in told_of}) == 4


def test_what_the_models_said_is_recorded_and_comes_out_the_same_again(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, listening(0, 30.0), listening(4, -20.0)))

    for action in ("BUY", "SELL"):
        answer = desk.evaluate(user, NOW, action=action)
        path = f"/api/v1/decision/{user}/{answer['decision_id']}"
        found = desk.data("GET", path)
        assert (found["model"], found["probability"], found["model_status"]) == (
            answer["model"],
            answer["probability"],
            "ok",
        )
        assert desk.data("POST", f"{path}/replay")["differences"] == []


def test_the_nearest_place_speaks(desk: Desk, user: str) -> None:
    fed(desk)
    fed(desk, "ETHUSDT")
    regime = desk.evaluate(user, NOW)["regime"]
    promote(desk, made(desk, set_id="all", place=Place()))
    promote(desk, made(desk, set_id="symbol", place=Place("BTCUSDT")))

    before = [desk.evaluate(user, NOW, symbol=symbol)["model"]["id"] for symbol in ("BTCUSDT", "ETHUSDT")]
    promote(desk, made(desk, set_id="regime", place=Place("BTCUSDT", regime)))
    after = desk.evaluate(user, NOW)["model"]["id"]

    assert (before, after) == (["symbol", "all"], "regime")


def test_an_expired_set_does_not_serve_and_the_next_place_does(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, set_id="old", expires_at_ms=CLOSED_MS))

    alone = desk.evaluate(user, NOW)
    promote(desk, made(desk, set_id="all", place=Place()))
    together = desk.evaluate(user, NOW)

    assert (alone["model_status"], alone["model"], alone["probability"]) == ("expired", None, None)
    assert together["model"]["id"] == "all"


def test_a_row_that_is_far_from_home_gets_no_forecast(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, distance_max=1e-9))

    answer = desk.evaluate(user, NOW)

    assert (answer["model_status"], answer["model"], answer["code"]) == ("out_of_domain", None, "all_passed")


@pytest.mark.parametrize(("odds", "status"), [(math.nan, "no_figures"), (1.0, "ok")])
def test_a_figure_that_is_no_number_is_never_served(odds: float, status: str, desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, certain(math.nan), certain(odds)))

    answer = desk.evaluate(user, NOW)

    assert answer["model_status"] == status
    if status == "ok":
        assert [(one["probability"], one["weight"]) for one in answer["model"]["members"]] == [
            (None, 0.0),
            (round(squashed(1.0), 6), 1.0),
        ]


def test_stale_rows_and_missing_ones_get_no_forecast(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, place=Place()))

    stale = desk.evaluate(user, at(CLOSED_MS + 3 * HOUR_MS))
    nowhere = desk.evaluate(user, NOW, symbol="NEVERUSDT")

    assert (stale["model_status"], nowhere["model_status"]) == ("stale_features", "no_features")


def test_nobody_is_asked_about_what_is_no_trade_or_killed(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk))

    hold = desk.evaluate(user, NOW, action="HOLD")
    desk.admin("POST", "/api/v1/kill-switch", {"on": True, "reason": "a test"})
    killed = desk.evaluate(user, NOW)
    closing = desk.evaluate(user, NOW, reduce_only=True)

    assert [one["model_status"] for one in (hold, killed, closing)] == ["not_asked", "not_asked", "ok"]


def test_without_a_model_the_answer_says_so(desk: Desk, user: str) -> None:
    fed(desk)

    answer = desk.evaluate(user, NOW)

    assert (answer["model_status"], answer["model"], answer["adjusted_confidence"]) == ("none", None, 0.85)


def test_a_model_that_looks_back_hears_the_rows_before(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, listening(5, 1.0, rows_back=4)))

    answer = desk.evaluate(user, NOW)

    rows = [
        row.values[5]
        for back in range(4)
        for row in desk.process._market.rows_of(BTC, CLOSED_MS - (1 + back) * HOUR_MS)
    ]
    assert answer["model"]["members"][0]["probability"] == pytest.approx(squashed(sum(rows) / 4), abs=1e-5)


def test_the_bar_that_has_just_closed_continues_what_is_known(desk: Desk, user: str) -> None:
    candles = walk(601)
    post(desk, "BTCUSDT", told(candles[:600]), CLOSED_MS)
    promote(desk, made(desk, listening(5, 1.0, rows_back=4)))
    forecaster = desk.process._forecaster
    forecaster.stop()
    post(desk, "BTCUSDT", told(candles[600:]), CLOSED_MS + HOUR_MS)

    quick = desk.evaluate(user, at(CLOSED_MS + HOUR_MS + 1_000))["model"]
    forecaster._known.clear()
    forecaster._windows._known = {}
    forecaster.look()
    read = desk.evaluate(user, at(CLOSED_MS + HOUR_MS + 2_000))["model"]

    assert quick is not None
    assert quick == read


def test_rows_that_are_not_there_yet_are_not_waited_for(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, listening(5, 1.0, rows_back=4)))
    desk.process._forecaster.stop()
    desk.process._forecaster._windows._known = {}

    assert desk.evaluate(user, NOW)["model_status"] == "window_missing"


def test_after_a_rollback_to_nobody_no_model_speaks(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk))
    process = desk.process
    with process._store.begin() as tx:
        head = tx.reign(Place("BTCUSDT"))
        assert head is not None
        assert tx.save_reign(after_rollback(head, None, NOW_MS, "tester", ""))
    process._snapshot.catch_up()
    process._forecaster.look()

    assert desk.evaluate(user, NOW)["model_status"] == "none"
    assert process._forecaster._champions.open == {}


def test_a_question_that_was_put_before_a_promotion_is_answered_after_it(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, listening(5, 1.0, rows_back=4)))
    forecaster = desk.process._forecaster
    forecaster.stop()
    view = desk.process._snapshot.view()
    asked = question(forecaster.serving(), "BTCUSDT", view.features_for("BTCUSDT", CLOSED_MS), CLOSED_MS)
    assert isinstance(asked, Question)

    promote(desk, made(desk, certain(1.0), set_id="s-2", version=2))
    (told_of,) = forecaster.figures(view, [asked])
    forecaster.look()
    held = forecaster._champions._leaving

    assert isinstance(told_of, Figures)
    assert desk.evaluate(user, NOW)["model"]["id"] == "s-2"
    assert held == {}


def test_a_failing_graph_fails_no_decision_and_is_alerted_once(
    desk: Desk, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    fed(desk)
    promote(desk, made(desk))
    graph = desk.process._forecaster._champions.open[Place("BTCUSDT")].graph

    def fails(rows: object) -> Any:
        raise RuntimeError("out of luck")

    graph.run = fails  # type: ignore[method-assign]  # as a graph that breaks

    answers = [desk.evaluate(user, NOW) for _ in range(3)]

    assert {(one["model_status"], one["decision"]) for one in answers} == {("failed", "take")}
    assert sum("fails; decisions are made without it" in line for line in caplog.messages) == 1


class Spoiled:
    """Ways in which a champion may be wrong, and what is said about it."""

    @staticmethod
    def byte(desk: Desk) -> SignedSet:
        champion = made(desk, certain(-3.0), set_id="s-2", version=2)
        path = desk.process._shelf._path(champion.models.graph_sha256)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)
        return champion

    @staticmethod
    def schema(desk: Desk) -> SignedSet:
        return made(desk, certain(-3.0), set_id="s-2", version=2, schema_hash="another")

    @staticmethod
    def key(desk: Desk) -> SignedSet:
        return made(desk, certain(-3.0), set_id="s-2", version=2, key=FOREIGN_KEY)

    @staticmethod
    def pickle(desk: Desk) -> SignedSet:
        champion = made(desk, certain(-3.0), set_id="s-2", version=2)
        desk.process._shelf._path(champion.models.graph_sha256).write_bytes(b"\x80\x04\x95 a pickle")
        return champion

    @staticmethod
    def slow(desk: Desk) -> SignedSet:
        return made(desk, set_id="s-2", version=2, graph=slowed(graph_of([certain(1.0), certain(2.0)]), 8_000))

    @staticmethod
    def members(desk: Desk) -> SignedSet:
        return made(desk, certain(-3.0), set_id="s-2", version=2, graph=b"no graph at all")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Spoiled.byte, "was changed"),
        (Spoiled.schema, f"expected a set for rows of schema {SCHEMA.hash}, found one for another"),
        (Spoiled.key, "found that of"),
        (Spoiled.pickle, "was changed"),
        (Spoiled.slow, "expected a graph that takes at most 20 ms a row"),
        (Spoiled.members, "expected an ONNX file"),
    ],
)
def test_a_champion_that_cannot_be_trusted_leaves_the_old_one_in_place(
    spoil: Any, said: str, desk: Desk, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    fed(desk)
    promote(desk, made(desk, certain(3.0)))

    promote(desk, spoil(desk))
    desk.process._forecaster.look()

    assert desk.evaluate(user, NOW)["model"]["id"] == "s-1"
    alerts = [line for line in caplog.messages if "was refused, set s-1 goes on" in line]
    assert len(alerts) == 1
    assert said in alerts[0]
    health = desk.admin("GET", "/health")
    assert "champion_refused" in health["degraded"]
    (told_of,) = health["champions"]
    assert (told_of["wanted"], told_of["speaking"], said in told_of["refused"]) == ("s-2", "s-1", True)


BROKEN = "UPDATE model_sets SET document = '{' WHERE set_id = 's-2'"


def test_a_champion_whose_document_is_broken_is_told_of_and_leaves_the_old_one_in_place(
    desk: Desk, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    fed(desk)
    promote(desk, made(desk, certain(3.0)))
    process = desk.process
    # Broken in the moment of its promotion: a process that has opened it would go on with what it has.
    process._forecaster.stop()
    process._snapshot.stop()
    crowned(made(desk, certain(-3.0), set_id="s-2", version=2), process._store)
    with process._database.write() as connection:
        connection.exec_driver_sql(BROKEN)
    process._snapshot.refresh()
    for _ in range(3):
        process._forecaster.look()
    process._tend()

    assert desk.evaluate(user, NOW)["model"]["id"] == "s-1"
    assert [line for line in caplog.messages if "expected JSON" in line] == [
        "the champion for BTCUSDT/* was refused, set s-1 goes on: the document of a set: expected JSON"
    ]
    health = desk.admin("GET", "/health")
    (told_of,) = health["champions"]
    assert "champion_refused" in health["degraded"]
    assert (told_of["wanted"], told_of["speaking"]) == ("s-2", "s-1")
    assert told_of["refused"] == "the document of a set: expected JSON"
    assert samples(process._metrics.champions_refused, "ml_champions_refused")[0].value == 1.0


def test_after_a_restart_a_champion_whose_document_is_broken_is_refused_and_a_rollback_mends_it(
    tmp_path: Path, user: str
) -> None:
    with opened(tmp_path) as before:
        fed(before)
        for number in (1, 2):
            promote(before, made(before, certain(3.0), set_id=f"s-{number}", version=number))
        with before.process._database.write() as connection:
            connection.exec_driver_sql(BROKEN)

    with opened(tmp_path) as after:
        refused = after.evaluate(user, NOW)
        degraded = after.admin("GET", "/health")["degraded"]
        after.process._forecaster.stop()
        with after.process._store.begin() as tx:
            head = tx.reign(Place("BTCUSDT"))
            assert head is not None
            assert tx.save_reign(after_rollback(head, tx.reign(Place("BTCUSDT"), 1), NOW_MS, "tester", ""))
        after.process._snapshot.catch_up()
        after.process._forecaster.look()
        mended = after.evaluate(user, NOW)
        health = after.admin("GET", "/health")

    assert (refused["model_status"], refused["model"]) == ("refused", None)
    assert "champion_refused" in degraded
    assert mended["model"]["id"] == "s-1"
    assert "champion_refused" not in health["degraded"]


def test_a_first_champion_that_is_refused_is_said_so(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, key=FOREIGN_KEY))

    assert desk.evaluate(user, NOW)["model_status"] == "refused"


def test_a_new_champion_is_noticed_within_a_second(desk: Desk, user: str) -> None:
    fed(desk)
    crowned(made(desk), desk.process._store)
    deadline = time.monotonic() + 1.0

    while desk.evaluate(user, NOW)["model"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    assert desk.admin("GET", "/health")["champions"][0]["provider"] == "CPUExecutionProvider"


def test_the_champion_speaks_from_the_first_answer_after_a_restart(tmp_path: Path, user: str) -> None:
    with opened(tmp_path) as before:
        fed(before)
        promote(before, made(before, listening(5, 1.0, rows_back=4)))
        first = before.evaluate(user, NOW)["model"]

    with opened(tmp_path) as after:
        assert after.evaluate(user, NOW)["model"] == first


def test_forecasts_are_counted_by_status_and_timed(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk))
    desk.evaluate(user, NOW)
    desk.evaluate(user, NOW, action="HOLD")

    desk.process._telemetry.add_up()
    metrics = desk.process._metrics
    counted = {sample.labels["status"]: sample.value for sample in samples(metrics.forecasts, "ml_forecasts_total")}
    (runs,) = samples(metrics.forecast_seconds, "ml_forecast_duration_seconds_count")

    assert (counted["ok"], counted["not_asked"], counted["failed"], runs.value) == (1.0, 1.0, 0.0, 1.0)


def samples(metric: Any, name: str) -> list[Any]:
    return [sample for family in metric.collect() for sample in family.samples if sample.name == name]


def test_an_explanation_says_what_each_feature_did(desk: Desk, user: str) -> None:
    fed(desk)
    calm = {"rises": Calibration(), "falls": Calibration()}
    promote(desk, made(desk, listening(5, 1.0, rows_back=4), listening(0, -1.0), weights={"*": (0.75, 0.25)}, **calm))
    for action, sign in (("BUY", 1.0), ("SELL", -1.0)):
        answer = desk.evaluate(user, NOW, action=action)

        told_of = desk.data("GET", f"/api/v1/decision/{user}/{answer['decision_id']}/explanation")

        rows = desk.process._market.window(desk.process._snapshot.view().feature_rows[BTC][0], 4)
        effects = {one["feature"]: one for one in told_of["effects"]}
        assert set(effects) == set(SCHEMA.names)
        assert told_of["probability"] == answer["probability"]
        looking_back, newest = effects[SCHEMA.names[5]], effects[SCHEMA.names[0]]
        assert looking_back["log_odds"] == pytest.approx(sign * 0.75 * float(rows[:, 5].mean()), abs=1e-4)
        assert looking_back["value"] == pytest.approx(float(rows[-1, 5]))
        assert newest["log_odds"] == pytest.approx(sign * -0.25 * float(rows[-1, 0]), abs=1e-4)
        assert [one["log_odds"] for one in newest["members"]] == [
            0.0,
            pytest.approx(sign * -1.0 * float(rows[-1, 0]), abs=1e-4),
        ]
        assert {effects[name]["log_odds"] for name in SCHEMA.names if name not in SCHEMA.names[0:6:5]} == {0.0}


def test_an_explanation_of_what_is_always_said_tells_that_nothing_moves_it(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, listening(5, 1.0), rises=Calibration(), falls=Calibration(-0.25, 0.0)))
    methods = {
        action: desk.data(
            "GET", f"/api/v1/decision/{user}/{desk.evaluate(user, NOW, action=action)['decision_id']}/explanation"
        )["method"]
        for action in ("BUY", "SELL")
    }

    assert "No feature moves this forecast" in methods["SELL"]
    assert "No feature moves this forecast" not in methods["BUY"]


def test_contributions_are_asked_for_once_and_shown_when_the_worker_has_them(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, listening(0, 1.0)))
    path = f"/api/v1/decision/{user}/{desk.evaluate(user, NOW)['decision_id']}/explanation"

    before = desk.data("GET", path)["contributions"]
    asked = [desk.data("POST", path, status=202) for _ in range(2)]
    with desk.process._store.begin() as tx:
        job = tx.job(asked[0]["job_id"])
        assert job is not None
        told = {"method": "as SHAP has it", "members": [{"type": "xgboost"}]}
        tx.update_job(replace(job, state="done", result=told, ended_at_ms=job.created_at_ms))

    assert (before["state"], before["members"]) == ("not_asked", None)
    assert [one["state"] for one in asked] == ["waiting", "waiting"]
    assert asked[0]["job_id"] == asked[1]["job_id"] == desk.data("POST", path)["job_id"]
    assert desk.data("GET", path)["contributions"] == {
        "state": "done",
        "how": "as SHAP has it",
        "job_id": job.id,
        "members": [{"type": "xgboost"}],
        "error": None,
    }
    assert desk.problem(404, "POST", path.replace(user, "somebody"))["code"] == "not_found"


def test_a_service_for_some_users_learns_nothing_of_an_explanation_from_its_job() -> None:
    wanted = {"user_id": "ada", "decision_id": "d-1"}
    job = Job("j-1", EXPLAIN, wanted, state="done", result={"members": []})
    some, every = (Principal("a service", "service", users) for users in (("bob",), None))

    assert [job_data(job, caller)["request"] for caller in (some, None, every)] == [{}, {}, wanted]
    assert [job_data(job, caller)["result"] for caller in (some, every)] == [None, {"members": []}]


def test_what_was_decided_without_a_forecast_has_none_to_explain(desk: Desk, user: str) -> None:
    answer = desk.evaluate(user, NOW)

    problem = desk.problem(404, "GET", f"/api/v1/decision/{user}/{answer['decision_id']}/explanation")

    assert "none" in problem["detail"]


def test_a_replay_can_ask_the_models_again(desk: Desk, user: str) -> None:
    fed(desk)
    promote(desk, made(desk, listening(5, 1.0, rows_back=4)))
    desk.evaluate(user, NOW, decision_id="kept")
    process = desk.process
    asked_of: list[Any] = []

    class Counting(ShelvedGraphs):
        def figures(self, models: ModelSet, windows: Any) -> list[Figures]:
            asked_of.append(models.set_id)
            return super().figures(models, windows)

    def replayed(store: Any, graphs: Any) -> list[tuple[str, ...]]:
        asked = Models(graphs, process._market, process._signing_key)
        found = replay_between(CLOSED_MS, CLOSED_MS + HOUR_MS, store=store, models=asked)
        return [one.differences for one in found]

    assert replayed(process._store, Counting(process._shelf)) == [()]
    assert asked_of == ["s-1"]

    class Rounding(ShelvedGraphs):
        """As a graph does that is asked about one row alone which it had heard among others."""

        def figures(self, models: ModelSet, windows: Any) -> list[Figures]:
            ((rises, distance),) = super().figures(models, windows)
            return [Figures(tuple(rise + 1e-6 for rise in rises), distance * (1.0 + 1e-6))]

    assert replayed(process._store, Rounding(process._shelf)) == [()]

    class Other(ShelvedGraphs):
        def figures(self, models: ModelSet, windows: Any) -> list[Figures]:
            return [Figures((0.123,), 1.0)]

    ((said,),) = replayed(process._store, Other(process._shelf))
    assert said.startswith("asked again: forecast: recorded 0.")


def test_no_graph_is_opened_to_explain_or_replay_unless_our_key_signed_its_set(desk: Desk, user: str) -> None:
    """Somebody who can write to the database names another graph after the decision was made."""
    fed(desk)
    promote(desk, made(desk, certain(2.0)))
    desk.evaluate(user, NOW, decision_id="kept")
    process = desk.process
    forged = record_of(made(desk, certain(2.0), certain(-2.0), key=FOREIGN_KEY), NOW_MS)
    with process._store.begin() as tx:
        tx.update_set(forged)
    opened_files: list[bytes] = []

    def watched(content: bytes) -> Any:
        opened_files.append(content)
        return open_graph(content)

    process.parts.graphs = ShelvedGraphs(process._shelf, watched)
    asked = Models(process.parts.graphs, process._market, process._signing_key)
    refused = desk.problem(422, "GET", f"/api/v1/decision/{user}/kept/explanation")
    (replayed,) = replay_between(CLOSED_MS, CLOSED_MS + HOUR_MS, store=process._store, models=asked)

    assert refused["code"] == "model_refused"
    assert any("found that of" in difference for difference in replayed.differences)
    assert opened_files == []
