"""Values that are right alone and wrong together."""

from collections.abc import Iterator, Mapping

from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.parameters.spec import Parameter
from ml_service.errors import FieldError
from ml_service.settings.sections import AdaptationSettings, GateLimits, RedisSettings, ServerSettings


def slots_and_threads(server: ServerSettings) -> Iterator[FieldError]:
    # Outcomes and the other requests have store_slots each; as many others may wait as work. One thread has to
    # stay free for /livez and refusals.
    deciding = server.decision_slots + server.decision_waiting
    busy = deciding + server.outcome_waiting + 3 * server.store_slots + server.slow_slots
    if busy >= server.threads:
        yield FieldError(
            "server.threads",
            f"expected more than {busy} (decision_slots + decision_waiting + outcome_waiting + 3 * store_slots"
            f" + slow_slots), found {server.threads}: a full house would leave no thread for health checks"
            " and refusals",
        )


def limits_of_the_gate(gate: Mapping[str, GateLimits]) -> Iterator[FieldError]:
    for name, limits in gate.items():
        yield from disorder(f"gate.{name}", limits)
        yield from out_of_range(f"gate.{name}", limits, PARAMETERS[name])


def disorder(path: str, limits: GateLimits) -> Iterator[FieldError]:
    default, low, high = limits.default, limits.low, limits.high
    if low > high:
        yield FieldError(f"{path}.low", f"expected at most high ({high:.12g}), found {low:.12g}")
    elif not low <= default <= high:
        between = f"from low ({low:.12g}) to high ({high:.12g})"
        yield FieldError(f"{path}.default", f"expected {between}, found {default:.12g}")


def out_of_range(path: str, limits: GateLimits, parameter: Parameter) -> Iterator[FieldError]:
    least, most = parameter.value_low, parameter.value_high
    if least is not None and limits.low < least:
        why = f"expected at least {least:.12g}, for no signal carries less"
        yield FieldError(f"{path}.low", f"{why}, found {limits.low:.12g}")
    elif parameter.scale == "log" and limits.low <= 0.0:
        yield FieldError(f"{path}.low", f"expected more than 0 on a log scale, found {limits.low:.12g}")
    if most is not None and limits.high > most:
        why = f"expected at most {most:.12g}, for no signal carries more"
        yield FieldError(f"{path}.high", f"{why}, found {limits.high:.12g}")


def learning_rates(adaptation: AdaptationSettings) -> Iterator[FieldError]:
    rate, low, high = adaptation.learning_rate, adaptation.learning_rate_min, adaptation.learning_rate_max
    if low > high:
        message = f"expected at most learning_rate_max ({high:g}), found {low:g}"
        yield FieldError("adaptation.learning_rate_min", message)
    elif not low <= rate <= high:
        yield FieldError(
            "adaptation.learning_rate",
            f"expected from learning_rate_min ({low:g}) to learning_rate_max ({high:g}), found {rate:g}",
        )


def redis_without_address(redis: RedisSettings) -> Iterator[FieldError]:
    if redis.enabled and redis.url is None:
        yield FieldError("redis.url", "expected a URL in REDIS_URL, for redis.enabled is true")
