"""What every algorithm looks like from outside, so that one use-case drives them all."""

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import ArrayLike

from ml_service.domain.adaptation.evidence import Flags
from ml_service.domain.adaptation.explanation import Explanation
from ml_service.domain.adaptation.library import Vector


class Algorithm(Protocol):
    """Made from its memory, told what became known, asked to adapt; its memory is then what has to be stored."""

    @property
    def memory(self) -> Any: ...

    def stand_on(self, values: Mapping[str, float]) -> None:
        """The thresholds were changed by others; from here on, these are the ones that move."""

    def thresholds(self) -> dict[str, float]: ...

    def decide(self, values: ArrayLike) -> tuple[Flags, Vector]: ...

    def observe(
        self,
        values: ArrayLike,
        accepted: ArrayLike,
        propensity: ArrayLike,
        results: ArrayLike,
        *,
        weight: ArrayLike = 1.0,
        regime: ArrayLike | None = None,
        days: ArrayLike | None = None,
    ) -> None:
        """`days` says to which period each belongs, where that is not the one that is settled next."""

    def settle(self, day: int) -> None: ...

    def adapt(
        self, day: int, *, regime: int | None = None, tilt: Vector | None = None, frozen: str | None = None
    ) -> Explanation | None: ...
