"""The shelf of trainers, and what it loads."""

import subprocess
import sys
from pathlib import Path

import pytest

from ml_service.errors import InvalidInput
from ml_service.learning import trainers
from ml_service.learning.trainers import MODULES, trainer

LOADED = """
import sys
from ml_service.learning.trainers import MODULES
print(sorted({"torch", "sklearn", "xgboost", "lightgbm", "onnx"} & set(sys.modules)))
from ml_service.learning.trainers import trainer
trainer("forest")
print(sorted({"torch", "xgboost", "lightgbm"} & set(sys.modules)))
"""


def test_a_library_is_loaded_only_for_the_model_that_needs_it() -> None:
    told = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)

    assert told.stdout.splitlines() == ["[]", "[]"]


def test_every_file_with_a_trainer_stands_on_the_shelf() -> None:
    files = Path(trainers.__file__).parent.glob("*.py")

    assert {file.stem for file in files if "\nTRAINER: Trainer" in file.read_text()} == set(MODULES.values())


def test_a_model_that_is_not_on_the_shelf_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidInput, match='patchtst, found "oracle"'):
        trainer("oracle")
