"""The gate's policy under which a decision was made: today's, or an earlier one from its settings document."""

from ml_service.domain.thresholds import policy_from
from ml_service.domain.types import Decision, GatePolicy
from ml_service.errors import Unavailable
from ml_service.web.parts import Parts


def policy_of(settings_hash: str, parts: Parts) -> GatePolicy:
    view = parts.snapshot.view()
    if settings_hash == view.settings_hash:
        return view.policy
    known = parts.policies.get(settings_hash)
    if known is not None:
        return known
    if parts.snapshot.is_stale():
        # Asking would keep the caller waiting; today's defaults only show how far the thresholds have moved.
        return view.policy
    try:
        with parts.store.read() as reading:
            document = reading.settings_document(settings_hash)
    except Unavailable:
        document = None
    if document is None:
        return view.policy
    parts.policies[settings_hash] = policy_from(document)
    return parts.policies[settings_hash]


def adjustments_of(decision: Decision, parts: Parts) -> dict[str, float]:
    """How far its thresholds lay from the defaults they began as."""
    values = decision.thresholds.values
    policy = policy_of(decision.settings_hash, parts)
    return {name: values[name] - limits.default for name, limits in policy.items() if name in values}
