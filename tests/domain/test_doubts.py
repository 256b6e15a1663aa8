"""What is doubtful about an outcome is told with what was expected and what was found."""

from typing import Any

import pytest

from ml_service.domain.doubts import Doubt, doubt
from ml_service.domain.outcomes import DAY_MS, StoredOutcome, implausible
from tests.builders import NOW_MS, outcome

OLD_MS = NOW_MS - 91 * DAY_MS
LATE_MS = NOW_MS + 61_000


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"pnl_percent": -5000.0}, Doubt("pnl_percent", "at most 100 either way", -5000.0)),
        ({"pnl": 42.0, "risk": 2.0}, Doubt("r", "at most 20 either way", 21.0)),
        ({"closed_at_ms": LATE_MS}, Doubt("closed_at", "at most 60 s after received_at", LATE_MS)),
        ({"opened_at_ms": LATE_MS}, Doubt("opened_at", "at most 60 s after received_at", LATE_MS)),
        ({"closed_at_ms": OLD_MS}, Doubt("closed_at", "at most 90 days before received_at", OLD_MS)),
        ({}, None),
    ],
)
def test_every_reason_is_told_with_its_figures(fields: dict[str, Any], expected: Doubt | None) -> None:
    told = outcome(**fields)
    stored = StoredOutcome(told, NOW_MS, "none", None, implausible(told, NOW_MS))

    assert doubt(stored) == expected
