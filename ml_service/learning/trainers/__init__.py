"""The shelf of models that can be trained: a new one is one file here and one line below.

Each is loaded when it is asked for, so that training trees never loads PyTorch.
"""

from importlib import import_module

from ml_service.errors import InvalidInput
from ml_service.learning.trainers.spec import Trainer

MODULES = {
    "logistic": "logistic",
    "forest": "forest",
    "xgboost": "xgboost_trees",
    "lightgbm": "lightgbm_trees",
    "lstm": "lstm",
    "nhits": "nhits",
    "patchtst": "patchtst",
}
"""By the name of the model, the file that trains it."""


def trainer(name: str) -> Trainer:
    if name not in MODULES:
        raise InvalidInput.at("model_type", f'expected one of {", ".join(MODULES)}, found "{name}"')
    found: Trainer = import_module(f"{__name__}.{MODULES[name]}").TRAINER
    return found
