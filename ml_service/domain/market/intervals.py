"""The lengths that a bar may have, and the grid that each of them lies on."""

from ml_service.errors import InvalidInput

MINUTE_MS = 60_000

INTERVALS: dict[str, int] = {
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 60 * MINUTE_MS for n in (1, 2, 4, 6, 8, 12)},
    "1d": 24 * 60 * MINUTE_MS,
}
"""In milliseconds. Weeks and months are left out: venues begin them on different days."""


def interval_ms(interval: str) -> int:
    length = INTERVALS.get(interval)
    if length is None:
        raise InvalidInput.at("interval", f'expected one of {", ".join(INTERVALS)}, found "{interval}"')
    return length


def interval_of(length_ms: int) -> str | None:
    return next((name for name, length in INTERVALS.items() if length == length_ms), None)
