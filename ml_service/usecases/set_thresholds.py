"""Set thresholds by hand, or put the defaults back: each time a new revision, and a way to see who did it."""

from collections.abc import Mapping

from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.thresholds import bounded, set_values
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Thresholds
from ml_service.errors import Conflict
from ml_service.ports import Store, Writing

ATTEMPTS = 5


def set_thresholds(
    user_id: str,
    symbol: str,
    wanted: Mapping[str, float] | None,
    *,
    reason: str,
    actor: str,
    policy: GatePolicy,
    settings_hash: str,
    now_ms: int,
    store: Store,
) -> Thresholds:
    """`wanted` names the values to change; None puts every default back."""
    for _ in range(ATTEMPTS):
        with store.begin() as tx:
            own = tx.thresholds_head(user_id, symbol)
            current = current_values(tx, own, user_id, policy)
            values = defaults(policy) if wanted is None else set_values(current, wanted, policy)
            if own is not None and own.values == values:
                return own
            following = Thresholds(
                user_id=user_id,
                symbol=symbol,
                revision=(own.revision if own is not None else 0) + 1,
                values=values,
                changed_at_ms=max(now_ms, own.changed_at_ms if own is not None else 0),
                source="reset" if wanted is None else "set",
                reason=reason,
                actor=actor,
                settings_hash=settings_hash,
            )
            if tx.save_thresholds(following):
                tell(tx, following, current, now_ms)
                return following
    raise Conflict("the thresholds were changed by others at the same moment, again and again; try once more")


def current_values(tx: Writing, own: Thresholds | None, user_id: str, policy: GatePolicy) -> Mapping[str, float]:
    inherited = own or tx.thresholds_head(user_id, ANY_SYMBOL)
    return bounded(inherited, policy).values if inherited is not None else defaults(policy)


def defaults(policy: GatePolicy) -> dict[str, float]:
    return {name: limits.default for name, limits in policy.items()}


def tell(tx: Writing, following: Thresholds, before: Mapping[str, float], now_ms: int) -> None:
    moved = {name: [before[name], value] for name, value in following.values.items() if before.get(name) != value}
    tx.publish(ThresholdsChanged(following.user_id, following.symbol, following.revision, following.source), now_ms)
    tx.append_audit(
        now_ms,
        following.actor,
        f"thresholds.{following.source}",
        f"{following.user_id}/{following.symbol}",
        {"revision": following.revision, "moved": moved, "reason": following.reason},
    )
