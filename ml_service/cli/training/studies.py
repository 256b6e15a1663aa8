"""The trials of searches, kept in one file of JSON lines: a search goes on where it stood, and can be read later."""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


class KeptStudies:
    def __init__(self, place: Path) -> None:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Progress has its own lines.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._storage = JournalStorage(JournalFileBackend(str(place)))

    def study(self, name: str) -> optuna.Study:
        return optuna.create_study(storage=self._storage, study_name=name, load_if_exists=True)
