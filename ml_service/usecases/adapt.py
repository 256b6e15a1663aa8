"""Adapt one scope's thresholds from its outcomes: nothing twice, nothing without a reason, always with a way back."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.domain.adaptation.cycle import Cycle, Situation, cycle
from ml_service.domain.adaptation.explanation import Explanation
from ml_service.domain.adaptation.library import Vector
from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.ids import ENTROPY_BYTES, decision_id
from ml_service.domain.job import Progress
from ml_service.domain.learner import Adaptation, Learner
from ml_service.domain.thresholds import bounded, moved_between
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Thresholds
from ml_service.errors import Conflict, Overtaken
from ml_service.ports import Reading, Store, Writing

ATTEMPTS = 5
HOUR_MS = 3_600_000
CLOCK_SET_BACK_MS = 24 * HOUR_MS
EARLY = 0.95
FAILED_TOLD = 20


@dataclass(frozen=True, slots=True)
class Rules:
    """What an adaptation goes by, as the settings say it."""

    gate: GatePolicy
    adaptation: AdaptationPolicy
    settings_hash: str


@dataclass(frozen=True, slots=True)
class Adapted:
    user_id: str
    symbol: str
    explanation: Explanation
    thresholds: Thresholds
    """Those that decide now."""
    adapted_at_ms: int
    adaptation: Adaptation | None = None
    """None where nothing moved, or would have been written."""

    @property
    def explanation_document(self) -> dict[str, Any]:
        return asdict(self.explanation)


def adapt(
    user_id: str,
    symbol: str,
    *,
    rules: Rules,
    actor: str,
    now_ms: int,
    store: Store,
    entropy: Callable[[int], bytes],
    dry_run: bool = False,
    tilts: dict[str, Vector | None] | None = None,
) -> Adapted:
    """`tilts` is a place to keep what a user's other symbols have taught, for who adapts many symbols in a row."""
    for _ in range(ATTEMPTS):
        # Read and weighed without a lock, then written on condition that nobody else has been here: a learner takes
        # some milliseconds to think, and nothing should wait for that.
        with store.read() as reading:
            learner = set_forward(reading.learner(user_id, symbol), rules.adaptation, now_ms)
            current = current_thresholds(reading, user_id, symbol, rules)
            result = cycle(
                situation(reading, learner, current, rules, now_ms, {} if tilts is None else tilts),
                rules.gate,
                rules.adaptation,
            )
        found = Adapted(user_id, symbol, result.explanation, current, now_ms)
        if dry_run or nothing_to_write(learner, result):
            return found
        try:
            with store.begin() as tx:
                return write(tx, learner, result, found, rules, actor, entropy)
        except Overtaken:
            continue
    raise Conflict("others adapted these thresholds at the same moment, again and again; try once more")


def adapt_all(
    *,
    rules: Rules,
    actor: str,
    now_ms: Callable[[], int],
    store: Store,
    entropy: Callable[[int], bytes],
    dry_run: bool = False,
    limit: int | None = None,
    every: bool = False,
    unasked: bool = False,
) -> Iterator[Progress]:
    """Adapt every scope that is due, one after the other; `every` also those that adapted a short while ago.

    `unasked`: only where evidence has waited for a whole period and nobody came for it, so that the worker never takes
    away what a bot or cron is about to ask for.
    """
    waited_ms = int(rules.adaptation.frequency_hours * 3_600_000)
    with store.read() as reading:
        scopes = reading.scopes_waiting(now_ms() - waited_ms if unasked else None)
        adapted_at = reading.adapted_at()
    if rules.adaptation.pooling == 0.0:
        scopes = [(user_id, symbol) for user_id, symbol in scopes if symbol != ANY_SYMBOL]
    yield Progress(0, len(scopes))
    told: Counter[str] = Counter()
    failed: list[dict[str, str]] = []
    tilts: dict[str, Vector | None] = {}
    for number, (user_id, symbol) in enumerate(scopes):
        if limit is not None and sum(told.values()) - told["not_due"] >= limit:
            break
        if not every and not is_due(now_ms() - adapted_at.get((user_id, symbol), 0), rules):
            told["not_due"] += 1
            continue
        try:
            done = adapt(
                user_id,
                symbol,
                rules=rules,
                actor=actor,
                now_ms=now_ms(),
                store=store,
                entropy=entropy,
                dry_run=dry_run,
                tilts=tilts,
            )
            told[done.explanation.verdict] += 1
        except Conflict as error:
            # One scope's trouble must not keep the others from learning.
            failed.append({"user_id": user_id, "symbol": symbol, "error": str(error)})
        yield Progress(number + 1, len(scopes))
    not_due = told.pop("not_due", 0)
    result = {
        "scopes": len(scopes),
        "not_due": not_due,
        "verdicts": dict(told),
        "failed": failed[:FAILED_TOLD],
        "failures": len(failed),
        "dry_run": dry_run,
    }
    yield Progress(len(scopes), len(scopes), result)


def is_due(since_ms: int, rules: Rules) -> bool:
    # A clock that was set back makes nobody wait for days that will not come; and a daily call never comes to the
    # millisecond, so a little early is early enough.
    return since_ms < -CLOCK_SET_BACK_MS or since_ms >= EARLY * rules.adaptation.frequency_hours * HOUR_MS


def set_forward(learner: Learner, policy: AdaptationPolicy, now_ms: int) -> Learner:
    """Times that lie ahead were stamped by a clock that was set back since: they count from now."""
    ahead = learner.adapted_at_ms - now_ms
    if ahead > CLOCK_SET_BACK_MS:
        learner = replace(learner, adapted_at_ms=now_ms, held_until_ms=max(0, learner.held_until_ms - ahead))
    # An undo while the clock was ahead stamped this alone.
    cooled_ms = now_ms + int(policy.cooldown_hours * HOUR_MS) + CLOCK_SET_BACK_MS
    if learner.held_until_ms > cooled_ms:
        learner = replace(learner, held_until_ms=cooled_ms - CLOCK_SET_BACK_MS)
    return learner


def situation(
    reading: Reading,
    learner: Learner,
    current: Thresholds,
    rules: Rules,
    now_ms: int,
    tilts: dict[str, Vector | None],
) -> Situation:
    user_id, symbol = learner.user_id, learner.symbol
    anchor = reading.anchor(user_id, symbol) if learner.learned is None else None
    return Situation(
        user_id=user_id,
        learned=learner.learned,
        waiting=reading.waiting(user_id, symbol),
        recent=reading.recent(user_id, symbol),
        current=current.values,
        anchor=anchor or {name: limits.default for name, limits in rules.gate.items()},
        frozen=learner.frozen,
        held_until_ms=learner.held_until_ms,
        tilt=pooled(reading, learner, rules, tilts),
        now_ms=now_ms,
    )


def pooled(reading: Reading, learner: Learner, rules: Rules, tilts: dict[str, Vector | None]) -> Vector | None:
    """What the user's other symbols have taught."""
    user_id = learner.user_id
    if learner.symbol == ANY_SYMBOL or rules.adaptation.pooling == 0.0:
        return None
    if user_id not in tilts:
        shared = reading.learner(user_id, ANY_SYMBOL).learned
        fits = shared is not None and shared.fits(rules.gate, rules.adaptation)
        tilts[user_id] = shared.tilt() if shared is not None and fits else None
    return tilts[user_id]


def current_thresholds(reading: Reading, user_id: str, symbol: str, rules: Rules) -> Thresholds:
    for scope in dict.fromkeys((symbol, ANY_SYMBOL)):
        found = reading.thresholds_newest(user_id, scope)
        if found is not None:
            return bounded(found, rules.gate)
    defaults = {name: limits.default for name, limits in rules.gate.items()}
    return Thresholds(user_id, ANY_SYMBOL, 0, defaults, settings_hash=rules.settings_hash)


def nothing_to_write(learner: Learner, result: Cycle) -> bool:
    """A second call without new outcomes leaves everything as it is."""
    rests = not result.observed and not result.skipped and result.learned is learner.learned
    return rests and learner.last is not None and learner.last.get("reason") == result.explanation.reason


def write(
    tx: Writing,
    learner: Learner,
    result: Cycle,
    found: Adapted,
    rules: Rules,
    actor: str,
    entropy: Callable[[int], bytes],
) -> Adapted:
    now_ms = max(found.adapted_at_ms, learner.adapted_at_ms)
    document = found.explanation_document
    following = replace(
        learner, revision=learner.revision + 1, learned=result.learned, adapted_at_ms=now_ms, last=document
    )
    if not tx.save_learner(following):
        raise Overtaken
    if not tx.mark_learned(learner.user_id, learner.symbol, result.observed, now_ms, result.percent_per_r):
        raise Overtaken
    tx.mark_skipped(learner.symbol, result.skipped)
    if result.values is None:
        return found
    own = tx.thresholds_head(learner.user_id, learner.symbol)
    if (own.revision if own is not None else 0) != own_revision(found.thresholds, learner.symbol):
        raise Overtaken
    moved = moved_thresholds(found.thresholds, own, result, rules, actor, now_ms, learner.symbol)
    if not tx.save_thresholds(moved):
        raise Overtaken
    adaptation = Adaptation(
        user_id=learner.user_id,
        id=decision_id(now_ms, entropy(ENTROPY_BYTES)),
        symbol=learner.symbol,
        at_ms=now_ms,
        verdict=result.explanation.verdict,
        revision_before=moved.revision - 1,
        revision=moved.revision,
        explanation=document,
    )
    tx.save_adaptation(adaptation, learner.learned)
    tx.publish(ThresholdsChanged(moved.user_id, moved.symbol, moved.revision, moved.source), now_ms)
    facts = {
        "revision": moved.revision,
        "moved": moved_between(found.thresholds.values, moved.values),
        "adaptation": adaptation.id,
    }
    tx.append_audit(now_ms, actor, f"thresholds.{moved.source}", f"{moved.user_id}/{moved.symbol}", facts)
    return replace(found, thresholds=moved, adaptation=adaptation)


def own_revision(thresholds: Thresholds, symbol: str) -> int:
    return thresholds.revision if thresholds.symbol == symbol else 0


def moved_thresholds(
    current: Thresholds,
    own: Thresholds | None,
    result: Cycle,
    rules: Rules,
    actor: str,
    now_ms: int,
    symbol: str,
) -> Thresholds:
    assert result.values is not None
    return Thresholds(
        user_id=current.user_id,
        symbol=symbol,
        revision=own_revision(current, symbol) + 1,
        values=result.values,
        changed_at_ms=max(now_ms, own.changed_at_ms if own is not None else 0),
        source="rollback" if result.explanation.verdict == "rolled_back" else "adapt",
        reason=result.explanation.reason,
        actor=actor,
        settings_hash=rules.settings_hash,
    )
