"""A finished training goes to the registry: its models as shadows, and the set they make."""

from collections.abc import Mapping

from ml_service.cli.training.files import graph_of
from ml_service.cli.wiring import open_models
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.slots import Slot
from ml_service.learning.trained import Training
from ml_service.settings import Settings
from ml_service.usecases.register_models import register_models

DAY_MS = 86_400_000


def register(
    training: Training,
    settings: Settings,
    actor: str,
    expires_days: float | None = None,
    begun: Mapping[Slot, str] | None = None,
) -> SetRecord:
    """`begun` names the rows that have told of the models since their training began."""
    graph = graph_of(training)
    with open_models(settings) as tools:
        now_ms = tools.now_ms()
        return register_models(
            training.set,
            graph=graph,
            distance_max=training.set.near.limit,
            expires_at_ms=None if expires_days is None else now_ms + round(expires_days * DAY_MS),
            actor=actor,
            now_ms=now_ms,
            store=tools.store,
            shelf=tools.shelf,
            key=tools.signing_key,
            entropy=tools.entropy,
            begun=begun,
        )
