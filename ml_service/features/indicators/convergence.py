"""The line of MACD: the distance of two exponential means, which as in TA-Lib begin with the same bar."""

from ml_service.features.rolling import Block, exponential


def stream(fast: int, slow: int) -> Block:
    quick, calm = exponential(fast), exponential(slow)
    at = 0

    def step(value: float) -> float:
        nonlocal at
        at += 1
        behind = calm(value)
        return quick(value) - behind if at > slow - fast else behind

    return step
