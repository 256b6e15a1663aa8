"""Execute decisions again from what they recorded, and name every one that comes out differently."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ml_service.domain.exploration import share_from, with_exploration
from ml_service.domain.gate import decide
from ml_service.domain.thresholds import bounded, policy_from
from ml_service.domain.types import Decision, GatePolicy, Verdict
from ml_service.domain.view import default_thresholds
from ml_service.errors import NotFound
from ml_service.ports import Reading, Store


@dataclass(frozen=True, slots=True)
class Replayed:
    decision: Decision
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not self.differences


class Rules(NamedTuple):
    """What the settings of a decision said."""

    policy: GatePolicy
    exploration: float


def replay_one(user_id: str, decision_id: str, *, store: Store) -> Replayed:
    with store.read() as reading:
        decision = reading.decision(user_id, decision_id)
        if decision is None:
            raise NotFound(f"no decision {decision_id!r} of this user")
        return again(decision, reading.is_untouched(decision), reading, {})


def replay_between(since_ms: int, until_ms: int, *, store: Store) -> Iterator[Replayed]:
    known: dict[str, Rules | None] = {}
    with store.read() as reading:
        for decision, untouched in reading.decisions_between(since_ms, until_ms):
            yield again(decision, untouched, reading, known)


def again(decision: Decision, untouched: bool, reading: Reading, known: dict[str, Rules | None]) -> Replayed:
    differences = [] if untouched else ["the row was changed after it was written"]
    rules = rules_of(decision.settings_hash, reading, known)
    if rules is None:
        differences.append(f"no settings document {decision.settings_hash}")
        return Replayed(decision, tuple(differences))
    values = revision_values(decision, rules.policy, reading)
    if values is None:
        differences.append(
            f"no revision {decision.thresholds.revision} of the thresholds for {decision.thresholds.symbol}"
        )
        return Replayed(decision, tuple(differences))
    if dict(values) != dict(decision.thresholds.values):
        differences.append(f"thresholds: recorded {dict(decision.thresholds.values)}, now {dict(values)}")
    verdict = verdict_under(rules, values, decision)
    if verdict != decision.verdict:
        differences.append(
            f"verdict: recorded {decision.verdict.decision} ({decision.verdict.code}),"
            f" now {verdict.decision} ({verdict.code})"
        )
    return Replayed(decision, tuple(differences))


def rules_of(settings_hash: str, reading: Reading, known: dict[str, Rules | None]) -> Rules | None:
    if settings_hash not in known:
        document = reading.settings_document(settings_hash)
        known[settings_hash] = Rules(policy_from(document), share_from(document)) if document is not None else None
    return known[settings_hash]


def revision_values(decision: Decision, policy: GatePolicy, reading: Reading) -> Mapping[str, float] | None:
    used = decision.thresholds
    if used.revision == 0:
        return default_thresholds(decision.user_id, policy, decision.settings_hash).values
    stored = reading.thresholds_revision(decision.user_id, used.symbol, used.revision)
    return bounded(stored, policy).values if stored is not None else None


def verdict_under(rules: Rules, values: Mapping[str, float], decision: Decision) -> Verdict:
    verdict = decide(decision.signal, values, rules.policy, forecast=decision.forecast, killed=decision.killed)
    return with_exploration(replace(decision, verdict=verdict), rules.exploration, rules.policy).verdict
