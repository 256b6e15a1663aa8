"""Execute decisions again from what they recorded, and name every one that comes out differently."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ml_service.domain.exploration import share_from, with_exploration
from ml_service.domain.gate import SIDES, decide
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.telling_again import differences, from_figures, heard_again, told_again
from ml_service.domain.models.verification import signed_models
from ml_service.domain.thresholds import bounded, policy_from
from ml_service.domain.types import Decision, Forecast, GatePolicy, Verdict
from ml_service.domain.view import default_thresholds
from ml_service.errors import ModelRefused, NotFound
from ml_service.ports import Market, Reading, ShelvedGraphs, Store


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


class Models(NamedTuple):
    """What it takes to ask the models again: nothing is opened that the key has not signed."""

    graphs: ShelvedGraphs
    market: Market
    key: SigningKey


class Known(NamedTuple):
    """What other decisions of the same replay have read."""

    rules: dict[str, Rules | None]
    sets: dict[str, SetRecord | None]


def replay_one(user_id: str, decision_id: str, *, store: Store) -> Replayed:
    with store.read() as reading:
        decision = reading.decision(user_id, decision_id)
        if decision is None:
            raise NotFound(f"no decision {decision_id!r} of this user")
        return again(decision, reading.is_untouched(decision), reading, Known({}, {}))


def replay_between(since_ms: int, until_ms: int, *, store: Store, models: Models | None = None) -> Iterator[Replayed]:
    """With the models, they are asked again as well."""
    known = Known({}, {})
    with store.read() as reading:
        for decision, untouched in reading.decisions_between(since_ms, until_ms):
            replayed = again(decision, untouched, reading, known)
            if models is not None and decision.forecast is not None:
                asked = asked_again(decision, decision.forecast, reading, known, models)
                replayed = replace(replayed, differences=(*replayed.differences, *asked))
            yield replayed


def again(decision: Decision, untouched: bool, reading: Reading, known: Known) -> Replayed:
    found = [] if untouched else ["the row was changed after it was written"]
    if decision.forecast is not None and decision.forecast.members:
        found += spoken_again(decision, decision.forecast, reading, known)
    rules = rules_of(decision.settings_hash, reading, known.rules)
    if rules is None:
        found.append(f"no settings document {decision.settings_hash}")
        return Replayed(decision, tuple(found))
    values = revision_values(decision, rules.policy, reading)
    if values is None:
        found.append(f"no revision {decision.thresholds.revision} of the thresholds for {decision.thresholds.symbol}")
        return Replayed(decision, tuple(found))
    if dict(values) != dict(decision.thresholds.values):
        found.append(f"thresholds: recorded {dict(decision.thresholds.values)}, now {dict(values)}")
    verdict = verdict_under(rules, values, decision)
    if verdict != decision.verdict:
        found.append(
            f"verdict: recorded {decision.verdict.decision} ({decision.verdict.code}),"
            f" now {verdict.decision} ({verdict.code})"
        )
    return Replayed(decision, tuple(found))


def spoken_again(decision: Decision, recorded: Forecast, reading: Reading, known: Known) -> list[str]:
    """The rule of the ensemble, on the members' figures as they were recorded."""
    trade = decision.signal.action
    assert trade in SIDES
    try:
        record = set_of(recorded.model_id, reading, known)
        if record is None:
            return [f"no set {recorded.model_id}"]
        return differences(recorded, told_again(record.opened().models, recorded, trade))
    except ModelRefused as error:
        return [str(error)]


def asked_again(decision: Decision, recorded: Forecast, reading: Reading, known: Known, models: Models) -> list[str]:
    """The graph itself, on the rows as they are stored. What has been pruned since is no difference."""
    trade, used, record = decision.signal.action, decision.features, set_of(recorded.model_id, reading, known)
    if record is None or record.archived_at_ms is not None or used is None or not recorded.members:
        return []
    row = models.market.feature_row(used.stream, used.opened_at_ms, used.set_id)
    if row is None:
        return []
    assert trade in SIDES
    try:
        trusted = signed_models(record, models.key)
        (figures,) = models.graphs.figures(trusted, [models.market.window(row, trusted.rows_back)])
    except ModelRefused as error:
        return [f"asked again: {error}"]
    if recorded.distance is None or len(figures.rises) != len(recorded.members):
        return [f"asked again: expected {len(recorded.members)} figures, found {len(figures.rises)}"]
    now = from_figures(trusted, recorded, trade, heard_again(recorded, trade, figures))
    return [f"asked again: {difference}" for difference in differences(recorded, now)]


def set_of(set_id: str, reading: Reading, known: Known) -> SetRecord | None:
    if set_id not in known.sets:
        known.sets[set_id] = reading.model_set(set_id)
    return known.sets[set_id]


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
    return with_exploration(decision._replace(verdict=verdict), rules.exploration, rules.policy).verdict
