"""What may be done to thresholds by hand: set, reset; always inside their bounds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import GatePolicy, Limits, Thresholds
from ml_service.errors import FieldError, InvalidInput


def bounded(thresholds: Thresholds, policy: GatePolicy) -> Thresholds:
    """The same thresholds inside the bounds of today's settings.

    Rows outlive settings: bounds may have been drawn tighter, a parameter may have been added since.
    """
    values = thresholds.values
    if values.keys() == policy.keys() and all(
        limits.low <= values[name] <= limits.high for name, limits in policy.items()
    ):
        return thresholds
    kept = {
        name: min(max(values.get(name, limits.default), limits.low), limits.high) for name, limits in policy.items()
    }
    return replace(thresholds, values=kept)


def set_values(current: Mapping[str, float], wanted: Mapping[str, float], policy: GatePolicy) -> dict[str, float]:
    """The current values with the wanted ones in their place; every wrong one is named."""
    errors = tuple(complaint for name, value in wanted.items() if (complaint := wrong(name, value, policy)))
    if errors:
        raise InvalidInput("thresholds outside what the settings allow", errors)
    return {name: wanted.get(name, current[name]) for name in policy}


def wrong(name: str, value: float, policy: GatePolicy) -> FieldError | None:
    limits = policy.get(name)
    path = f"thresholds.{name}"
    if limits is None:
        return FieldError(path, f"expected one of {', '.join(policy)}")
    if not limits.low <= value <= limits.high:
        return FieldError(path, f"expected {limits.low:g} to {limits.high:g}, found {value:g}")
    return None


def moved_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, list[float]]:
    """What an audit entry tells of a change: each value that is another now, with the one it had."""
    return {name: [before[name], value] for name, value in after.items() if name in before and before[name] != value}


def policy_from(document: Mapping[str, Any]) -> GatePolicy:
    """The gate's policy as a stored settings document tells it; what joined the shelf later has its defaults."""
    return {
        name: Limits(**document["gate"][name])
        if name in document["gate"]
        else Limits(parameter.default, parameter.low, parameter.high)
        for name, parameter in PARAMETERS.items()
    }
