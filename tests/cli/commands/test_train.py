"""train: a report and files that are there or not, exit codes, and the same bytes twice."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from ml_service.adapters.inference.graph import open_graph
from ml_service.adapters.training_runs import TrainingRuns
from ml_service.cli.training import run as runs
from ml_service.cli.wiring import open_market, open_models, open_store
from ml_service.domain.market.candles import Stream
from ml_service.domain.models.record import ModelRecord
from ml_service.domain.models.slots import Slot
from ml_service.errors import Untrainable
from ml_service.learning import trainers
from ml_service.ports import ModelFilter
from ml_service.settings import load_settings
from ml_service.usecases.take_candles import LiveFeatures, take_candles
from ml_service.worker.training import words
from tests.candles import BTC, HOUR_MS, walk
from tests.cli.desk import Type
from tests.learning.planted import LineTrainer, dataset

BARS = 1_600


@pytest.fixture(autouse=True)
def line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real trainer, but a quick one, under the name of another."""
    found = LineTrainer("logistic")
    monkeypatch.setattr(runs, "trainer", lambda name: found if name == "logistic" else trainers.trainer(name))
    # The tests' own process stays as it is.
    monkeypatch.setattr("os.setpriority", lambda *_: None)


@pytest.fixture
def taken(folder: Path) -> None:
    settings = load_settings()
    with open_market(settings) as market, open_store(settings) as tools:
        for stream, candles in (
            (BTC, walk(BARS)),
            (Stream("binance", "ETHUSDT", "1h"), walk(700, seed=3, length_ms=HOUR_MS)),
        ):
            take_candles(stream, candles, market=market, store=tools.store, live=LiveFeatures(), now_ms=tools.now_ms())


WORDS = ("train", "--symbol", "BTCUSDT", "--models", "logistic", "--folds", "3", "--horizon", "6")


@pytest.mark.usefixtures("taken")
def test_a_report_and_the_files_are_written(typed: Type, tmp_path: Path) -> None:
    html, out = tmp_path / "report.html", tmp_path / "files"

    ended = typed(*WORDS, "--html", str(html), "--out", str(out))

    assert ended.status == 0, ended.err
    assert "logistic: 100 % (done)" in ended.err
    verdict, registered = ended.out.splitlines()[-2:]
    assert verdict.startswith("No evidence of skill")
    assert registered.startswith("registered as set ")
    page = html.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "://" not in page
    for heading in ("What it is worth", "equity", "Reliability", "Importance", "Confusion", "Folds", "make it again"):
        assert heading in page
    assert {place.name for place in out.iterdir()} == {
        "logistic.json",
        "logistic.native",
        "logistic.onnx",
        "set.json",
        "set.onnx",
    }


@pytest.mark.usefixtures("taken")
def test_the_set_is_registered_and_its_graph_says_what_its_members_say(typed: Type) -> None:
    told = [json.loads(typed(*WORDS, "--json").out) for _ in range(2)]

    with open_models(load_settings()) as tools, tools.store.read() as reading:
        found = reading.model_set(told[0]["set_id"])
        assert found is not None
        (model,) = reading.models_of_set(found.set_id)
        graph = open_graph(tools.shelf.read(found.graph_sha256))
    rows = np.zeros((3, 1, 25), np.float32)
    assert told[0]["set_id"] == told[1]["set_id"]
    assert (model.slot.model_type, model.status) == ("logistic", "SHADOW")
    assert graph.run(rows)["rises"].shape == (3, 1)


@pytest.mark.usefixtures("taken")
def test_a_set_tells_until_when_it_may_serve_also_where_it_was_there_already(typed: Type) -> None:
    first, again = (typed(*WORDS, "--expires-days", days).out.splitlines()[-1] for days in ("10", "20"))

    _, _, until = first.partition("; it serves once promoted, until ")
    assert again == first
    assert datetime.fromisoformat(until) - datetime.now(UTC) < timedelta(days=10)


@pytest.mark.usefixtures("taken")
def test_a_search_keeps_its_trials_and_the_manifest_counts_them(
    typed: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ml_service.learning.members.FIT_MIN", 50)
    out = tmp_path / "files"

    ended = typed(*WORDS, "--search", "3", "--dry-run", "--out", str(out))

    assert ended.status == 0, ended.err
    manifest = json.loads((out / "logistic.json").read_text())
    journal = (load_settings().data_dir / "training" / "trials.journal").read_text()
    assert manifest["plan"]["search_trials"] == 3
    assert 0.1 <= manifest["parameters"]["ridge"] <= 1_000.0
    assert journal.count('"param_name":"ridge"') == 3


@pytest.mark.usefixtures("taken")
def test_too_few_rows_to_search_by_are_said_to_be_too_few(typed: Type) -> None:
    ended = typed(*WORDS, "--search", "3")

    assert ended.status == 1
    assert "the first rows are too few to search by: logistic: expected at least 200 examples" in ended.err


@pytest.mark.usefixtures("taken")
def test_a_job_asks_the_worker_for_the_same_training(typed: Type) -> None:
    ended, again = (typed(*WORDS, "--search", "2", "--job") for _ in range(2))

    with open_store(load_settings()) as tools, tools.store.read() as reading:
        (job,) = reading.open_jobs("train")
    assert ended.out.strip() == job.id
    assert again.out.strip() == f"{job.id} (asked for already)"
    told = words(job.request)
    assert {"--symbol=BTCUSDT", "--models=logistic", "--folds=3", "--horizon=6", "--label=direction"} <= set(told)
    assert {"--search=2", "--source=candles", "--seed=0"} <= set(told)


def test_a_job_writes_no_report(typed: Type, tmp_path: Path) -> None:
    assert typed("train", "--symbol", "BTCUSDT", "--job", "--html", str(tmp_path / "a.html")).status == 2


@pytest.mark.usefixtures("taken")
def test_a_dry_run_registers_nothing(typed: Type) -> None:
    ended = typed(*WORDS, "--dry-run")

    assert ended.out.splitlines()[-1] == "nothing was registered"
    with open_models(load_settings()) as tools, tools.store.read() as reading:
        assert not reading.models(ModelFilter(None, None, None, None), None, 10).items


@pytest.mark.usefixtures("taken")
def test_the_same_command_twice_makes_the_same_bytes(typed: Type, tmp_path: Path) -> None:
    for name in ("one", "other"):
        assert typed(*WORDS, "--out", str(tmp_path / name)).status == 0
        for kept in (load_settings().data_dir / "training").iterdir():
            kept.unlink()

    for place in (tmp_path / "one").iterdir():
        assert place.read_bytes() == (tmp_path / "other" / place.name).read_bytes()


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize("option", ["--html", "--out"])
def test_where_nothing_can_be_written_nothing_is_trained(typed: Type, option: str, tmp_path: Path) -> None:
    ended = typed(*WORDS, option, str(tmp_path / "nowhere" / "report"))

    assert ended.status == 2
    assert "there is no folder" in ended.err
    assert "logistic: 100 %" not in ended.err


@pytest.mark.usefixtures("taken")
def test_a_stopped_training_goes_on(typed: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Stops(LineTrainer):
        fits = 0

        def fit(self, *given, **named):
            Stops.fits += 1
            if Stops.fits == 3:
                raise KeyboardInterrupt
            return super().fit(*given, **named)

    monkeypatch.setattr(runs, "trainer", lambda name: Stops("logistic"))
    out = tmp_path / "files"

    stopped, again = typed(*WORDS, "--out", str(out)), typed(*WORDS, "--out", str(out))

    assert (stopped.status, stopped.out) == (130, "")
    assert "the same command goes on" in stopped.err
    assert again.status == 0, again.err
    # Two before the stop, the third once more, and the one that serves.
    assert Stops.fits == 3 + 2
    assert not list(tmp_path.glob(".*"))


def rows() -> list[ModelRecord]:
    """Newest first."""
    with open_store(load_settings()) as tools, tools.store.read() as reading:
        return list(reading.models(ModelFilter(), None, 10).items)


def training_with(monkeypatch: pytest.MonkeyPatch, during: Callable[[], None]) -> None:
    class Watched(LineTrainer):
        def fit(self, *given, **named):
            during()
            return super().fit(*given, **named)

    monkeypatch.setattr(runs, "trainer", lambda name: Watched("logistic"))


@pytest.mark.usefixtures("taken")
def test_what_is_being_trained_is_listed_and_is_the_shadow_in_the_end(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ModelRecord] = []
    training_with(monkeypatch, lambda: seen.extend(rows()))

    ended = typed(*WORDS)

    assert ended.status == 0, ended.err
    (row,) = rows()
    assert {(one.model_id, one.slot, one.status) for one in seen} == {
        (row.model_id, Slot("logistic", "BTCUSDT", "*"), "TRAINING")
    }
    assert (row.status, row.version) == ("SHADOW", 1)


def term() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def broken() -> None:
    raise RuntimeError("out of luck")


def hopeless() -> None:
    raise Untrainable("nothing to be learned")


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize(
    ("trouble", "status", "reason"),
    [
        (term, 130, "stopped; the same command goes on where it was"),
        (broken, 1, "RuntimeError: out of luck"),
        (hopeless, 1, "logistic: nothing to be learned"),
    ],
)
def test_a_training_that_comes_to_nothing_has_failed_and_says_why(
    typed: Type, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[], None], status: int, reason: str
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    training_with(monkeypatch, trouble)

    # What nobody expected is shown as it is.
    with suppress(RuntimeError):
        assert typed(*WORDS).status == status

    (row,) = rows()
    assert (row.status, row.reason) == ("FAILED", reason)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.usefixtures("taken")
def test_the_row_of_a_killed_training_is_taken_over_by_the_next_run_of_the_same(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is told of a process that is killed.
    monkeypatch.setattr("ml_service.cli.training.under_way.UnderWay._end", lambda *_: None)
    training_with(monkeypatch, hopeless)
    typed(*WORDS)
    typed(*WORDS, "--seed", "3")
    other, killed = rows()
    assert (killed.status, other.status) == ("TRAINING", "TRAINING")
    training_with(monkeypatch, lambda: None)

    assert typed(*WORDS).status == 0

    assert [(row.model_id, row.status) for row in rows()] == [
        (other.model_id, "TRAINING"),
        (killed.model_id, "SHADOW"),
    ]


@pytest.mark.usefixtures("taken")
def test_a_run_is_held_while_it_lasts_and_forgotten_in_the_end(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_here = TrainingRuns(load_settings().data_dir / "training")
    held: list[int] = []

    def look() -> None:
        held.append(len(list((load_settings().data_dir / "training").glob("*.run"))))
        assert list(runs_here.killed()) == []

    for trouble in (look, hopeless):
        training_with(monkeypatch, trouble)
        typed(*WORDS, "--seed", str(len(held)))

    assert set(held) == {1}
    assert not list((load_settings().data_dir / "training").glob("*.run"))


@pytest.mark.usefixtures("taken")
def test_one_that_learns_nothing_has_failed_while_the_others_go_on(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hopeless(LineTrainer):
        def fit(self, *given, **named):
            raise Untrainable("one class only")

    found = {"logistic": LineTrainer("logistic"), "lightgbm": Hopeless("lightgbm")}
    monkeypatch.setattr(runs, "trainer", found.get)

    ended = typed(*WORDS, "--models", "logistic,lightgbm")

    assert ended.status == 0, ended.err
    assert {(row.slot.model_type, row.status, row.reason) for row in rows()} == {
        ("logistic", "SHADOW", None),
        ("lightgbm", "FAILED", "one class only"),
    }


@pytest.mark.usefixtures("taken")
def test_a_document_tells_the_figures_with_their_intervals(typed: Type) -> None:
    ended = typed(*WORDS, "--json")

    told = json.loads(ended.out)
    assert told["label"] == {"kind": "direction", "horizon_bars": 6, "horizon_minutes": 360.0, "barrier": None}
    assert told["members"]["logistic"]["gain"]["low"] < told["members"]["logistic"]["gain"]["high"]
    assert told["has_skill"] is False
    assert told["suspicions"] == []


@pytest.mark.usefixtures("taken")
def test_too_few_rows_are_said_to_be_too_few(typed: Type) -> None:
    ended = typed("train", "--symbol", "ETHUSDT", "--models", "logistic", "--horizon", "6")

    assert ended.status == 1
    assert ended.err.startswith("untrainable: ETHUSDT: expected more than 1,000 examples, found ")


@pytest.mark.usefixtures("taken")
def test_without_decisions_nothing_can_be_learned_from_them(typed: Type) -> None:
    ended = typed(*WORDS, "--source", "decisions")

    assert ended.status == 1
    assert "found 0 in 0 labelled rows" in ended.err


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--embargo", "-1"),
        ("--seed", "5000000000"),
        ("--expires-days", "0"),
        ("--expires-days", "nan"),
        ("--days", "inf"),
    ],
)
def test_an_option_out_of_its_range_is_refused_before_anything_is_fitted(typed: Type, option: str, value: str) -> None:
    ended = typed(*WORDS, f"{option}={value}")

    assert ended.status == 2
    assert f"Invalid value for '{option}'" in ended.err
    assert "logistic: 100 %" not in ended.err


@pytest.mark.usefixtures("taken")
def test_a_name_that_is_no_model_is_refused(typed: Type) -> None:
    ended = typed("train", "--symbol", "BTCUSDT", "--models", "oracle")

    assert ended.status == 1
    assert (
        'expected all or some of logistic, forest, xgboost, lightgbm, lstm, nhits, patchtst, found "oracle"'
        in ended.err
    )


def test_without_the_libraries_it_says_how_to_install_them(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "NEEDED", ("numpy", "no_such_library"))

    ended = typed("train", "--symbol", "BTCUSDT")

    assert ended.status == 1
    assert "is not installed (no_such_library); install it with ./deploy.sh training" in ended.err


@pytest.mark.usefixtures("taken")
def test_a_report_that_is_there_already_stays(typed: Type, tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    html.write_text("mine")

    ended = typed(*WORDS, "--html", str(html))

    assert ended.status == 2
    assert html.read_text() == "mine"


def test_bars_of_a_regime_are_taken_by_its_name_or_alias() -> None:
    found = runs.in_regime(dataset(400), "ranging")

    assert set(found.regime.tolist()) == {1}
