"""Training as a whole, on a signal whose strength is known: what is found, what is refused, and what is made twice."""

from dataclasses import replace

import numpy as np
import pytest

from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.models.slots import EVERY
from ml_service.errors import ModelRefused, Untrainable
from ml_service.learning.manifest import file_document
from ml_service.learning.members import Fitted, packed, unpacked
from ml_service.learning.trained import Training
from ml_service.learning.training import train
from tests.learning.planted import KeepInMemory, LineTrainer, Opened, dataset, plan, relabelled

TRAINERS = {"line": LineTrainer()}


@pytest.fixture(scope="module")
def training() -> Training:
    return train(dataset(), plan(), TRAINERS, open_graph=Opened)


def test_a_planted_signal_is_found_and_called_skill(training: Training) -> None:
    found = training.evaluation

    assert found.has_skill
    assert found.verdict.startswith("Skill:")
    assert found.members["line"].auc.value > 0.75
    assert all(side.calibration_error < 0.06 for side in found.sides)


def test_results_that_have_nothing_to_do_with_the_rows_are_no_skill() -> None:
    for seed in range(3):
        found = train(relabelled(dataset(), seed), plan(), TRAINERS, open_graph=Opened).evaluation

        assert not found.has_skill
        assert found.verdict.startswith("No evidence of skill")


def test_trading_by_the_models_beats_trading_always_and_never_where_there_is_a_signal(training: Training) -> None:
    totals = {one.rule: one.total for one in training.evaluation.equities}

    assert totals["models"] > 100.0
    assert totals["models"] > totals["always"]
    assert totals["never"] == 0.0


def test_where_neither_side_can_pay_for_its_costs_nobody_trades() -> None:
    found = train(dataset(costs=0.7), plan(), TRAINERS, open_graph=Opened).evaluation

    trades = {one.rule: one.trades for one in found.equities}
    assert trades["always"] == 2_400
    assert trades["models"] < 100
    assert trades["base rate"] == 0


def test_the_same_training_twice_makes_the_same_bytes(training: Training) -> None:
    again = train(dataset(), plan(), TRAINERS, open_graph=Opened)

    assert again.data_hash == training.data_hash
    assert [model.onnx for model in again.set.models] == [model.onnx for model in training.set.models]
    assert [model.manifest for model in again.set.models] == [model.manifest for model in training.set.models]
    assert again.set.provenance == training.set.provenance


def test_the_manifest_names_the_version_of_every_library_that_trains(training: Training) -> None:
    (model,) = training.set.models
    names = " ".join(model.manifest["versions"])

    assert [one for one in ("numpy", "scikit-learn", "xgboost", "lightgbm", "torch", "onnx") if one not in names] == []


def test_the_manifest_names_the_files_the_data_and_what_it_was_worth(training: Training) -> None:
    (model,) = training.set.models
    manifest = model.manifest

    assert manifest["files"] == {"native": file_document(model.native), "onnx": file_document(model.onnx)}
    assert manifest["data_hash"] == training.data_hash
    # The same bytes are promised for the same seed and threads.
    assert (manifest["plan"]["seed"], manifest["plan"]["threads"]) == (0, 1)
    assert manifest["trained_on"]["until_ms"] < manifest["stopped_by"]["from_ms"]
    assert manifest["stopped_by"]["until_ms"] < manifest["calibrated_on"]["from_ms"]
    assert manifest["metrics"]["auc"]["low"] < manifest["metrics"]["auc"]["value"] < manifest["metrics"]["auc"]["high"]
    assert max(manifest["parity"].values()) <= 1e-5
    assert set(manifest["parity"]) == {"1", "2", "7", "256"}
    assert sum(manifest["importance"].values()) == pytest.approx(1.0)


def test_a_set_has_weights_for_every_regime_and_knows_its_rows(training: Training) -> None:
    found = training.set

    assert set(found.weights) == {*REGIMES, EVERY}
    assert found.rises.slope > 0.0
    assert found.falls.slope > 0.0
    assert found.near.limit == 1.25
    assert found.horizon_minutes == 15


def test_too_few_examples_are_refused_with_their_number_and_with_what_became_of_the_other_rows() -> None:
    few = dataset(900)
    noisy = replace(few, keep=np.arange(len(few)) >= 50, bought=few.bought.copy(), sold=few.sold.copy())
    noisy.bought[40:60] = noisy.sold[40:60] = -0.001
    found = f"found {len(few) - 60} in {len(few)} labelled rows .50 left out as noise, 10 moved by less than the costs"

    with pytest.raises(Untrainable, match=f"expected more than 1,000 examples, {found}"):
        train(noisy, plan(), TRAINERS, open_graph=Opened)


def test_a_model_that_cannot_be_trained_is_left_out_and_named() -> None:
    trainers = {"line": LineTrainer(), "other": LineTrainer("other", fails=True)}

    found = train(dataset(2_000), plan("line", "other"), trainers, open_graph=Opened)

    assert found.left_out == {"other": "it was told to fail"}
    assert [model.slot.model_type for model in found.set.models] == ["line"]
    assert set(found.set.weights.values()) == {(1.0,)}


def test_decisions_whose_other_side_nobody_knows_are_enough() -> None:
    known = dataset()
    bought = np.random.default_rng(2).random(len(known)) < 0.5
    one_side = replace(known, bought=np.where(bought, known.bought, np.nan), sold=np.where(bought, np.nan, known.sold))

    found = train(one_side, plan(source="decisions"), TRAINERS, open_graph=Opened)

    assert found.evaluation.has_skill
    assert sum(side.worth.rows for side in found.evaluation.sides) == 2_400


def test_without_any_sale_no_chance_of_one_is_told() -> None:
    known = dataset()

    with pytest.raises(Untrainable, match="expected at least one sale among the later rows"):
        train(replace(known, sold=np.full(len(known), np.nan)), plan(), TRAINERS, open_graph=Opened)


def test_without_any_model_nothing_is_made() -> None:
    with pytest.raises(Untrainable, match="other: it was told to fail"):
        train(dataset(2_000), plan("other"), {"other": LineTrainer("other", fails=True)}, open_graph=Opened)


def test_a_file_that_says_something_else_than_its_model_is_refused() -> None:
    class Crooked(Opened):
        def run(self, rows: np.ndarray) -> dict[str, np.ndarray]:
            return {"rises": super().run(rows)["rises"] * np.float32(0.9999)}

    with pytest.raises(ModelRefused, match="expected at most 1e-05 in a batch of 1, found"):
        train(dataset(2_000), plan(), TRAINERS, open_graph=Crooked)


def test_what_was_fitted_before_a_stop_is_not_fitted_again(training: Training) -> None:
    class Stop(Exception):
        pass

    def stopping(model: str, number: int, share: float) -> None:
        if number == 3:
            raise Stop

    keep = KeepInMemory()
    with pytest.raises(Stop):
        train(dataset(), plan(), TRAINERS, open_graph=Opened, keep=keep, told=stopping)
    stopped_with = set(keep.kept)

    again = train(dataset(), plan(), TRAINERS, open_graph=Opened, keep=keep)

    assert len(stopped_with) == 3
    assert set(keep.read_names) == stopped_with
    assert again.set.models[0].manifest == training.set.models[0].manifest


def test_what_was_kept_damaged_is_fitted_again() -> None:
    keep = KeepInMemory()
    train(dataset(2_000), plan(), TRAINERS, open_graph=Opened, keep=keep)
    keep.kept = {name: content[:-30] for name, content in keep.kept.items()}

    found = train(dataset(2_000), plan(), TRAINERS, open_graph=Opened, keep=keep)

    assert found.set.models[0].manifest["steps"] == 1


def test_whichever_byte_of_it_is_damaged_what_was_kept_is_not_taken() -> None:
    content = packed(Fitted(later=np.zeros(3), test=np.zeros(2), base=0.5, examples=9, importance={"rsi": 1.0}))

    assert unpacked(content) is not None
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 8
        assert unpacked(bytes(damaged)) is None


def test_other_data_is_not_mistaken_for_what_was_kept() -> None:
    keep = KeepInMemory()
    train(dataset(2_000), plan(), TRAINERS, open_graph=Opened, keep=keep)
    train(dataset(2_000, seed=2), plan(), TRAINERS, open_graph=Opened, keep=keep)

    assert keep.read_names == []


def test_what_another_version_of_the_service_fitted_is_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = KeepInMemory()
    train(dataset(2_000), plan(), TRAINERS, open_graph=Opened, keep=keep)
    monkeypatch.setattr("ml_service.learning.manifest.VERSION", "0.0.9")

    found = train(dataset(2_000), plan(), TRAINERS, open_graph=Opened, keep=keep)

    assert keep.read_names == []
    assert found.set.models[0].manifest["versions"]["ml_service"] == "0.0.9"


def test_a_feature_that_knows_the_future_is_reported() -> None:
    known = dataset(strength=0.0)
    rows = known.rows.copy()
    column = known.schema.names.index("momentum")
    ahead = np.append(known.moves[1:], 0.0)
    rows[:, column] = ahead / 0.01 + np.random.default_rng(1).normal(0.0, 2.0, len(rows))

    found = train(replace(known, rows=rows), plan(), TRAINERS, open_graph=Opened)

    assert [said.split()[0] for said in found.suspicions] == ["momentum"]


def test_rows_known_in_time_without_a_signal_raise_no_suspicion() -> None:
    assert train(dataset(strength=0.0), plan(), TRAINERS, open_graph=Opened).suspicions == ()
