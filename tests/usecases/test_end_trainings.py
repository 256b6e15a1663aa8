"""A training that was killed has failed, and what it had finished stays finished."""

from collections.abc import Iterator, Mapping

from ml_service.domain.models.slots import Status
from ml_service.usecases.end_trainings import KILLED, end_killed_trainings
from tests.builders import NOW_MS
from tests.models import Registry, model_record


class OneKilled:
    def killed(self) -> Iterator[Mapping[str, str]]:
        yield {"xgboost": "m-1", "lstm": "m-2", "forest": "of another database"}


def test_only_what_was_still_in_training_has_failed(registry: Registry) -> None:
    stood: dict[str, Status] = {"m-1": "TRAINING", "m-2": "SHADOW", "m-3": "TRAINING"}
    with registry.store.begin() as tx:
        for version, (model_id, status) in enumerate(stood.items(), 1):
            tx.save_model(model_record(model_id, status, version))

    ended = end_killed_trainings(now_ms=NOW_MS, store=registry.store, trainings=OneKilled())

    with registry.store.read() as reading:
        found = [reading.model(model_id) for model_id in stood]
    assert ended == 1
    assert [(one.status, one.reason) for one in found if one is not None] == [
        ("FAILED", KILLED),
        ("SHADOW", None),
        ("TRAINING", None),
    ]
