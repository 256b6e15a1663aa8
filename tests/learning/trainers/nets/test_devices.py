"""Where a net is trained, and batches that fit into the memory there."""

from functools import partial

import pytest
import torch

from ml_service.errors import InvalidInput, Untrainable
from ml_service.learning.trainers import trainer
from ml_service.learning.trainers.nets import devices
from ml_service.learning.trainers.nets.devices import Batches, device_for
from ml_service.learning.trainers.spec import Wishes
from tests.learning.examples import planted


def machine_with(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in devices.HERE:
        monkeypatch.setitem(devices.HERE, name, partial(names.__contains__, name))


@pytest.mark.parametrize(
    ("names", "taken"), [(("cuda", "mps", "cpu"), "cuda"), (("mps", "cpu"), "mps"), (("cpu",), "cpu")]
)
def test_the_fastest_device_that_is_here_is_taken(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], taken: str
) -> None:
    machine_with(monkeypatch, *names)

    assert device_for("auto") == taken


def test_a_wish_comes_before_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "cuda", "cpu")

    assert device_for("cpu") == "cpu"


def test_a_device_that_is_not_here_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, "cpu")

    with pytest.raises(InvalidInput, match='expected auto or one of cpu, found "cuda"'):
        device_for("cuda")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no memory"), RuntimeError("MPS backend out of memory")])
def test_every_place_is_used_once_though_the_memory_runs_out(error: Exception) -> None:
    used: list[int] = []

    def use(batch: torch.Tensor) -> None:
        if len(batch) > 5:
            raise error
        used.extend(batch.tolist())

    batches = Batches(32)
    batches.each(torch.arange(100), use)

    assert used == list(range(100))
    assert batches.size == 4


def test_a_device_without_memory_for_one_example_is_told_of() -> None:
    def use(batch: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(Untrainable, match="memory for one example"):
        Batches(8).each(torch.arange(10), use)


def test_other_trouble_is_not_taken_for_a_lack_of_memory() -> None:
    def use(batch: torch.Tensor) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        Batches(8).each(torch.arange(10), use)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
@pytest.mark.parametrize("half", [0.0, 1.0])
@pytest.mark.parametrize("name", ["lstm", "nhits", "patchtst"])
def test_what_was_trained_on_a_gpu_says_the_same_on_a_cpu(name: str, half: float) -> None:
    known, unseen = planted(2_000), planted(200, seed=8)
    found = trainer(name)
    model = found.fit(known, None, Wishes(device="cuda", parameters={"half_precision": half}))
    windows = unseen.windows(found.rows_back)

    assert model.device == "cuda"
    assert found.opened(model.native()).rises(windows) == pytest.approx(model.rises(windows), abs=1e-6)
