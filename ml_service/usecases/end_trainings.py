"""Trainings whose process was killed have failed. It can say so no more, so others do."""

from ml_service.domain.models.lifecycle import moved
from ml_service.ports import Store, Trainings

KILLED = "its process was killed; the same command goes on where it was"


def end_killed_trainings(*, now_ms: int, store: Store, trainings: Trainings) -> int:
    """How many models were still told to be in training by one."""
    ended = 0
    for rows in trainings.killed():
        with store.begin() as tx:
            tx.lock_models()
            left = [model for row in rows.values() if (model := tx.model(row)) is not None]
            for model in left:
                if model.status == "TRAINING":
                    tx.update_model(moved(model, "FAILED", now_ms, KILLED))
                    ended += 1
    return ended
