"""Set thresholds by hand, put the defaults back, or bring a former revision back: each time a new revision.

The learner of the scope begins anew around the new vector: what it knew was learned around another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.learner import Learner
from ml_service.domain.thresholds import bounded, moved_between, set_values
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Thresholds
from ml_service.errors import Conflict, NotFound, Overtaken
from ml_service.ports import Store, Writing

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Set:
    """The values to change; all others stay."""

    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reset:
    """Every default."""


@dataclass(frozen=True, slots=True)
class Restore:
    """The values of a former revision."""

    revision: int


Wanted = Set | Reset | Restore
SOURCES: Mapping[type[Wanted], str] = {Set: "set", Reset: "reset", Restore: "restore"}


def set_thresholds(
    user_id: str,
    symbol: str,
    wanted: Wanted,
    *,
    reason: str,
    actor: str,
    policy: GatePolicy,
    settings_hash: str,
    now_ms: int,
    store: Store,
) -> Thresholds:
    for _ in range(ATTEMPTS):
        try:
            with store.begin() as tx:
                learner = tx.learner(user_id, symbol)
                own = tx.thresholds_head(user_id, symbol)
                current = current_values(tx, own, user_id, policy)
                values = wanted_values(tx, wanted, current, user_id, symbol, policy)
                if own is not None and own.values == values:
                    return own
                following = Thresholds(
                    user_id=user_id,
                    symbol=symbol,
                    revision=(own.revision if own is not None else 0) + 1,
                    values=values,
                    changed_at_ms=max(now_ms, own.changed_at_ms if own is not None else 0),
                    source=SOURCES[type(wanted)],
                    reason=reason,
                    actor=actor,
                    settings_hash=settings_hash,
                )
                write(tx, following, learner, current, now_ms)
                return following
        except Overtaken:
            continue
    raise Conflict("the thresholds were changed by others at the same moment, again and again; try once more")


def current_values(tx: Writing, own: Thresholds | None, user_id: str, policy: GatePolicy) -> Mapping[str, float]:
    # Without a lock: who holds the row for all symbols may be waiting for what this transaction has taken.
    inherited = own or tx.thresholds_newest(user_id, ANY_SYMBOL)
    return bounded(inherited, policy).values if inherited is not None else defaults(policy)


def wanted_values(
    tx: Writing, wanted: Wanted, current: Mapping[str, float], user_id: str, symbol: str, policy: GatePolicy
) -> Mapping[str, float]:
    match wanted:
        case Set(values):
            return set_values(current, values, policy)
        case Restore(revision):
            former = tx.thresholds_revision(user_id, symbol, revision)
            if former is None:
                raise NotFound(f"no revision {revision} of the thresholds for {symbol}")
            return bounded(former, policy).values
        case Reset():
            return defaults(policy)


def defaults(policy: GatePolicy) -> dict[str, float]:
    return {name: limits.default for name, limits in policy.items()}


def write(tx: Writing, following: Thresholds, learner: Learner, before: Mapping[str, float], now_ms: int) -> None:
    # Also where nothing was learned yet: an adaptation that is beginning at this moment, around the former vector, is
    # overtaken by it.
    if not tx.save_learner(replace(learner, revision=learner.revision + 1, learned=None, held_until_ms=0)):
        raise Overtaken
    if not tx.save_thresholds(following):
        raise Overtaken
    tx.publish(ThresholdsChanged(following.user_id, following.symbol, following.revision, following.source), now_ms)
    tx.append_audit(
        now_ms,
        following.actor,
        f"thresholds.{following.source}",
        f"{following.user_id}/{following.symbol}",
        {
            "revision": following.revision,
            "moved": moved_between(before, following.values),
            "reason": following.reason,
        },
    )
