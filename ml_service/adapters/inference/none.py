"""A young installation, or a command that decides without models: nobody to ask."""

from collections.abc import Sequence

from ml_service.domain.models.speaking import NOBODY, Figures, Question, Serving
from ml_service.domain.types import ModelStatus
from ml_service.domain.view import View


class NoForecaster:
    def serving(self) -> Serving:
        return NOBODY

    def figures(self, view: View, questions: Sequence[Question]) -> list[Figures | ModelStatus]:
        return ["none"] * len(questions)
