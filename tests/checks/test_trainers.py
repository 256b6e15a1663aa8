"""What must be true of every model that can be trained."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from ml_service.errors import ForeignSchema, InvalidInput, ModelRefused, Untrainable
from ml_service.features.schema import SCHEMA, Schema
from ml_service.learning.examples import Examples, Figures, Rows
from ml_service.learning.trainers import MODULES, trainer
from ml_service.learning.trainers.spec import Trained, Wishes
from tests.learning.examples import chances, examples, planted, shuffled

SMALL: dict[str, dict[str, float]] = {
    "logistic": {},
    "forest": {"trees": 30, "more_trees": 10},
    "xgboost": {"trees": 30, "more_trees": 10},
    "lightgbm": {"trees": 30, "more_trees": 10},
    "lstm": {"size": 16, "epochs": 4, "rate": 0.01, "more_epochs": 1},
    "nhits": {"size": 16, "epochs": 3, "more_epochs": 1},
    "patchtst": {"size": 16, "layers": 1, "epochs": 3, "more_epochs": 1},
}
"""What is enough for these examples."""

every_trainer = pytest.mark.parametrize("name", MODULES)


def wishes(name: str, **parameters: float) -> Wishes:
    return Wishes(parameters=SMALL[name] | parameters)


@cache
def known() -> Examples:
    return planted(1_500, missing=0.03)


@cache
def unseen() -> Examples:
    return planted(2_000, seed=8)


@cache
def trained(name: str) -> Trained:
    return trainer(name).fit(known(), planted(500, seed=9), wishes(name))


@cache
def onnx_of(name: str) -> bytes:
    return trained(name).onnx()


def served(graph: bytes, windows: Rows) -> Figures:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    rises: Figures
    (rises,) = session.run(["rises"], {"rows": windows})
    return rises


def asked(model: Trained, about: Examples) -> Figures:
    return model.rises(about.windows(model.rows_back))


def area(about: Examples, rises: Figures | NDArray[np.float64]) -> float:
    """Under the ROC curve: how often a row that was followed by a rise got the larger figure."""
    places = np.argsort(np.argsort(rises))
    rose = about.rose == 1
    pairs = rose.sum() * (~rose).sum()
    return float((places[rose].sum() - rose.sum() * (rose.sum() - 1) / 2) / pairs)


def log_loss(about: Examples, rises: Figures) -> float:
    right = np.where(about.rose == 1, rises, 1.0 - rises)
    return float(-np.log(np.clip(right, 1e-6, 1.0)).mean())


@every_trainer
def test_it_is_known_by_its_name_and_searched_among_its_own_parameters(name: str) -> None:
    found = trainer(name)

    assert found.name == name
    assert set(found.ranges) <= set(found.parameters)
    assert all(low < high for low, high in found.ranges.values())


@every_trainer
def test_training_twice_makes_the_same_files(name: str) -> None:
    again = trainer(name).fit(known(), planted(500, seed=9), wishes(name))

    assert again.native() == trained(name).native()
    assert again.onnx() == onnx_of(name)


@every_trainer
def test_another_seed_makes_another_model(name: str) -> None:
    if name == "logistic":
        pytest.skip("its solution does not hang on chance")
    once, other = (trainer(name).fit(known(), None, replace(wishes(name), seed=seed)) for seed in (1, 2))

    assert np.any(asked(once, unseen()) != asked(other, unseen()))


@every_trainer
def test_it_learns_a_planted_signal(name: str) -> None:
    possible = area(unseen(), chances(unseen().rows))

    assert area(unseen(), asked(trained(name), unseen())) > 0.5 + 0.75 * (possible - 0.5)


@every_trainer
def test_it_learns_nothing_from_shuffled_labels(name: str) -> None:
    model = trainer(name).fit(shuffled(known()), shuffled(planted(500, seed=9)), wishes(name))
    rises = asked(model, unseen())

    assert area(unseen(), rises) == pytest.approx(0.5, abs=0.12)
    assert log_loss(unseen(), rises) > np.log(2.0) - 0.01


@every_trainer
def test_it_says_the_same_as_its_graph(name: str) -> None:
    strange = planted(300, seed=10, missing=0.3)
    strange.rows[::7] = np.nan
    windows = strange.windows(trained(name).rows_back)

    for count in (1, 2, 7, 256):
        assert served(onnx_of(name), windows[-count:]) == pytest.approx(trained(name).rises(windows[-count:]), abs=1e-5)


@every_trainer
def test_its_graph_can_be_joined_with_others(name: str) -> None:
    graph = onnx.load_model_from_string(onnx_of(name))

    assert {kind.domain: kind.version for kind in graph.opset_import} in ({"": 18}, {"": 18, "ai.onnx.ml": 3})
    assert graph.ir_version == 10
    assert [each.name for each in graph.graph.input] == ["rows"]
    assert [each.name for each in graph.graph.output] == ["rises"]
    assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx.ml"}
    assert not graph.functions
    assert not any(onnx.external_data_helper.uses_external_data(each) for each in graph.graph.initializer)
    assert b"site-packages" not in onnx_of(name)


@every_trainer
def test_it_comes_back_from_its_file(name: str) -> None:
    back = trainer(name).opened(trained(name).native())

    assert np.array_equal(asked(back, unseen()), asked(trained(name), unseen()))
    assert back.native() == trained(name).native()
    assert (back.schema, back.rows_back, back.steps) == (SCHEMA, trainer(name).rows_back, trained(name).steps)


@every_trainer
def test_it_opens_no_file_but_its_own(name: str) -> None:
    other = "forest" if name == "logistic" else "logistic"
    native = trained(name).native()

    for file in (trained(other).native(), b"", b"\x80\x04.", native[: len(native) // 2], native[100:]):
        with pytest.raises(ModelRefused):
            trainer(name).opened(file)


@every_trainer
def test_it_goes_on_from_its_file(name: str) -> None:
    more = planted(1_500, seed=11)
    model = trainer(name).resume(trained(name).native(), more, wishes(name))

    assert model.steps > trained(name).steps
    before, after = (area(unseen(), asked(each, unseen())) for each in (trained(name), model))
    assert after > before - 0.005


@pytest.mark.parametrize("name", ["forest", "xgboost", "lightgbm"])
def test_it_does_not_grow_beyond_all_bounds(name: str) -> None:
    with pytest.raises(Untrainable, match="expected at most 35 trees, found"):
        trainer(name).resume(trained(name).native(), known(), wishes(name, more_trees=36, trees_max=35))


@every_trainer
def test_it_does_not_go_on_with_other_features(name: str) -> None:
    foreign = Schema(SCHEMA.version, ("moon_phase", *SCHEMA.names[1:]), "0" * 16)

    with pytest.raises(ForeignSchema, match="moon_phase"):
        trainer(name).resume(trained(name).native(), replace(known(), schema=foreign), wishes(name))


@every_trainer
def test_it_leaves_its_input_alone(name: str) -> None:
    mine = planted(300, missing=0.1)
    windows = mine.windows(trainer(name).rows_back)
    arrays = [getattr(mine, field.name) for field in fields(mine) if field.name != "schema"]
    for array in (*arrays, windows):
        array.flags.writeable = False

    trainer(name).fit(mine, mine, wishes(name)).rises(windows)


@every_trainer
def test_it_says_probabilities_whatever_it_is_shown(name: str) -> None:
    rows = np.concatenate([unseen().rows[:100], np.full((3, 25), np.nan), np.full((3, 25), 1e30)]).astype(np.float32)
    rises = asked(trained(name), examples(rows, np.ones(len(rows), bool)))

    assert rises.dtype == np.float32
    assert np.all((rises >= 0.0) & (rises <= 1.0))


@every_trainer
def test_it_survives_a_feature_that_never_changes_and_one_that_is_never_there(name: str) -> None:
    first, second = (planted(1_000, seed=seed) for seed in (1, 2))
    for place, value in (("spread", 3.0), ("depth_ratio", np.nan)):
        first.rows[:, SCHEMA.names.index(place)] = value
    model = trainer(name).fit(first, None, wishes(name))

    assert area(second, asked(model, second)) > 0.65


@every_trainer
def test_it_refuses_to_learn_from_one_class_only(name: str) -> None:
    with pytest.raises(Untrainable, match="found 1500 and 0"):
        trainer(name).fit(replace(known(), rose=np.ones(1_500, np.int8)), None, wishes(name))


@every_trainer
def test_it_refuses_to_learn_from_fifty_rows(name: str) -> None:
    with pytest.raises(Untrainable, match="at least 100 examples, found 50"):
        trainer(name).fit(planted(50), None, wishes(name))


@every_trainer
def test_it_tells_how_far_it_is(name: str) -> None:
    told: list[float] = []
    trainer(name).fit(planted(200), None, wishes(name), told.append)

    assert told == sorted(told)
    assert told[-1] == 1.0
    assert all(0.0 <= share <= 1.0 for share in told)


class Stopped(Exception):
    pass


@every_trainer
def test_it_stops_when_told_to(name: str) -> None:
    def enough(share: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        trainer(name).fit(planted(200), None, wishes(name), enough)


@every_trainer
def test_it_refuses_parameters_that_it_does_not_know(name: str) -> None:
    with pytest.raises(InvalidInput, match="found luck"):
        trainer(name).fit(known(), None, wishes(name, luck=7.0))


@every_trainer
def test_it_tells_what_mattered(name: str) -> None:
    told = trained(name).importance()

    assert set(told) == set(SCHEMA.names)
    assert sum(told.values()) == pytest.approx(1.0)
    assert max(told, key=lambda feature: told[feature]) == "log_return"


@every_trainer
def test_its_contributions_add_up_to_what_it_says(name: str) -> None:
    strange = planted(300, seed=10, missing=0.3)
    strange.rows[::7] = np.nan
    windows = strange.windows(trained(name).rows_back)

    told = trained(name).contributions(windows)

    if name not in ("logistic", "xgboost", "lightgbm"):
        assert told is None
        return
    assert told is not None
    rises = trained(name).rises(windows).astype(np.float64)
    odds = np.log(rises / (1.0 - rises))
    assert told.added.shape == (300, len(SCHEMA.names))
    assert told.before + told.added.sum(axis=1) == pytest.approx(odds, abs=1e-4)
    assert np.ptp(told.before) == 0.0
    assert np.abs(told.added).mean(axis=0).argmax() == SCHEMA.names.index("log_return")


@pytest.mark.long
@pytest.mark.timeout(1_200)
@every_trainer
def test_it_learns_from_a_million_rows(name: str) -> None:
    parameters = SMALL[name] | {"epochs": 1} if "epochs" in SMALL[name] else SMALL[name]
    model = trainer(name).fit(planted(1_000_000), None, Wishes(parameters=parameters))

    assert area(unseen(), asked(model, unseen())) > 0.7
