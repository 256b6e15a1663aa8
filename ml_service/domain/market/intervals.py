"""The lengths that a bar may have, and the grid that each of them lies on."""

from typing import Literal, get_args

from ml_service.errors import InvalidInput

Interval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]
"""Weeks and months are left out: venues begin them on different days."""

UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
INTERVALS: dict[str, int] = {name: int(name[:-1]) * UNIT_MS[name[-1]] for name in get_args(Interval)}
"""In milliseconds."""


def interval_ms(interval: str) -> int:
    length = INTERVALS.get(interval)
    if length is None:
        raise InvalidInput.at("interval", f'expected one of {", ".join(INTERVALS)}, found "{interval}"')
    return length


def interval_of(length_ms: int) -> str | None:
    return next((name for name, length in INTERVALS.items() if length == length_ms), None)
