"""Resolved predictions for tests: each builder fills in what a test does not care about."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.models.report.resolved import MemberName, Resolved
from ml_service.domain.types import MemberFigure
from tests.builders import NOW_MS

HOUR_MS = 3_600_000
GOOD, USELESS, INVERTED = MemberName("xgboost", 1), MemberName("forest", 1), MemberName("logistic", 1)


def resolved(at_ms: int = NOW_MS, **fields: Any) -> Resolved:
    given: dict[str, Any] = {
        "user_id": "ada",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "known_at_ms": at_ms + HOUR_MS,
        "set_id": "s-1",
        "regime": "trending",
        "probability": 0.5,
        "members": (),
        "paid": True,
        "percent": 1.0,
        "taken": True,
        **fields,
    }
    return Resolved(at_ms=at_ms, **given)


def market(count: int, seed: int = 7) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """True chances, and what came true by them."""
    random = np.random.default_rng(seed)
    chances = random.uniform(0.1, 0.9, count)
    return chances, random.random(count) < chances


def spoken(count: int, **fields: Any) -> list[Resolved]:
    """One member knows the true chance, as the set does; one says the same to everything, one the opposite."""
    chances, paid = market(count)
    return [
        resolved(
            NOW_MS + place * HOUR_MS,
            probability=float(chance),
            members=(
                MemberFigure(*GOOD, float(chance), 0.5),
                MemberFigure(*USELESS, 0.5, 0.25),
                MemberFigure(*INVERTED, float(1.0 - chance), 0.25),
            ),
            paid=bool(came),
            percent=1.0 if came else -1.0,
            **fields,
        )
        for place, (chance, came) in enumerate(zip(chances, paid, strict=True))
    ]
