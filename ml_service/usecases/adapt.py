"""Adapt one scope's thresholds from its outcomes: nothing twice, nothing without a reason, always with a way back."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.domain.adaptation.cycle import Cycle, Situation, cycle
from ml_service.domain.adaptation.explanation import Explanation, document_of
from ml_service.domain.adaptation.library import Vector
from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.ids import ENTROPY_BYTES, decision_id
from ml_service.domain.job import Progress
from ml_service.domain.learner import Adaptation, CycleRecord, Learner, Move, Note
from ml_service.domain.thresholds import bounded, moved_between
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Thresholds
from ml_service.errors import Conflict, Overtaken, Unavailable
from ml_service.ports import Reading, Store

ATTEMPTS = 5
HOUR_MS = 3_600_000
CLOCK_SET_BACK_MS = 24 * HOUR_MS
EARLY = 0.95
FAILED_TOLD = 20
SCOPES_MAX = 8
OUTCOMES_MAX = 300
"""In one commit. On SQLite every decision that wants to be recorded meanwhile waits for it."""


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
        return document_of(self.explanation)


@dataclass(frozen=True, slots=True)
class Thought:
    """What a cycle came to, before anything is written."""

    learner: Learner
    result: Cycle
    found: Adapted

    @property
    def rests(self) -> bool:
        """A second call without new outcomes leaves everything as it is."""
        nothing_new = not self.result.observed and not self.result.skipped
        unchanged = nothing_new and self.result.learned is self.learner.learned
        last = self.learner.last
        return unchanged and last is not None and last.get("reason") == self.result.explanation.reason


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
) -> Adapted:
    for _ in range(ATTEMPTS):
        found = adapted(user_id, [symbol], rules, actor, now_ms, store, entropy, dry_run)
        if found is not None:
            return found[0]
    raise Conflict("others adapted these thresholds at the same moment, again and again; try once more")


def adapted(
    user_id: str,
    symbols: Sequence[str],
    rules: Rules,
    actor: str,
    now_ms: int,
    store: Store,
    entropy: Callable[[int], bytes],
    dry_run: bool,
) -> list[Adapted] | None:
    """One look and one commit for symbols of one user; None, and nothing written, where another was faster."""
    # Read and weighed without a lock, then written on condition that nobody else has been here: a learner takes some
    # milliseconds to think, and nothing should wait for that.
    with store.read() as reading:
        tilt = pooled(reading, user_id, rules)
        thoughts = [think(reading, user_id, symbol, tilt, rules, now_ms) for symbol in symbols]
    records = (
        [] if dry_run else [record_of(thought, rules, actor, entropy) for thought in thoughts if not thought.rests]
    )
    try:
        if records:
            store.save_cycles(records)
    except Overtaken:
        return None
    moves = {record.learner.symbol: record.move for record in records}
    return [as_written(thought.found, moves.get(thought.found.symbol)) for thought in thoughts]


def as_written(found: Adapted, move: Move | None) -> Adapted:
    return found if move is None else replace(found, thresholds=move.thresholds, adaptation=move.adaptation)


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
    """Adapt every scope that is due, user by user; `every` also those that adapted a short while ago.

    `unasked`: only where evidence has waited for a whole period and nobody came for it, so that the worker never takes
    away what a bot or cron is about to ask for.
    """
    waited_ms = int(rules.adaptation.frequency_hours * 3_600_000)
    with store.read() as reading:
        waiting = reading.scopes_waiting(now_ms() - waited_ms if unasked else None)
        adapted_at = reading.adapted_at()
    # User by user, the row for all symbols last.
    scopes = sorted(waiting, key=lambda scope: (scope[0], scope[1] == ANY_SYMBOL, scope[1]))
    if rules.adaptation.pooling == 0.0:
        scopes = [(user_id, symbol) for user_id, symbol in scopes if symbol != ANY_SYMBOL]
    due = [scope for scope in scopes if every or is_due(now_ms() - adapted_at.get(scope, 0), rules)]
    done = not_due = len(scopes) - len(due)
    yield Progress(done, len(scopes))
    told: Counter[str] = Counter()
    failed: list[dict[str, str]] = []
    for user_id, symbols in together(due[:limit], waiting):
        try:
            each = adapted(user_id, symbols, rules, actor, now_ms(), store, entropy, dry_run) or []
        except Unavailable:
            raise
        except Exception:
            # One scope's trouble must not keep the others from learning: alone, only the guilty one fails.
            each = []
        told.update(one.explanation.verdict for one in each)
        for symbol in symbols if not each else ():
            try:
                alone = adapt(
                    user_id,
                    symbol,
                    rules=rules,
                    actor=actor,
                    now_ms=now_ms(),
                    store=store,
                    entropy=entropy,
                    dry_run=dry_run,
                )
                told[alone.explanation.verdict] += 1
            except Unavailable:
                raise
            except Exception as error:
                failed.append({"user_id": user_id, "symbol": symbol, "error": f"{type(error).__name__}: {error}"})
        done += len(symbols)
        yield Progress(done, len(scopes))
    result = {
        "scopes": len(scopes),
        "not_due": not_due,
        "verdicts": dict(told),
        "failed": failed[:FAILED_TOLD],
        "failures": len(failed),
        "dry_run": dry_run,
    }
    yield Progress(len(scopes), len(scopes), result)


def together(
    scopes: Iterable[tuple[str, str]], waiting: Mapping[tuple[str, str], int]
) -> Iterator[tuple[str, list[str]]]:
    """Symbols of one user, in groups that keep nobody else from writing for long."""
    for user_id, own in groupby(scopes, key=lambda scope: scope[0]):
        group: list[str] = []
        outcomes = 0
        for scope in own:
            if group and (len(group) == SCOPES_MAX or outcomes + waiting[scope] > OUTCOMES_MAX):
                yield user_id, group
                group, outcomes = [], 0
            group.append(scope[1])
            outcomes += waiting[scope]
        yield user_id, group


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


def think(reading: Reading, user_id: str, symbol: str, tilt: Vector | None, rules: Rules, now_ms: int) -> Thought:
    learner = set_forward(reading.learner(user_id, symbol), rules.adaptation, now_ms)
    current = current_thresholds(reading, user_id, symbol, rules)
    anchor = reading.anchor(user_id, symbol) if learner.learned is None else None
    situation = Situation(
        user_id=user_id,
        learned=learner.learned,
        waiting=reading.waiting(user_id, symbol),
        recent=reading.recent(user_id, symbol),
        current=current.values,
        anchor=anchor or {name: limits.default for name, limits in rules.gate.items()},
        frozen=learner.frozen,
        held_until_ms=learner.held_until_ms,
        tilt=tilt if symbol != ANY_SYMBOL else None,
        now_ms=now_ms,
    )
    result = cycle(situation, rules.gate, rules.adaptation)
    return Thought(learner, result, Adapted(user_id, symbol, result.explanation, current, now_ms))


def pooled(reading: Reading, user_id: str, rules: Rules) -> Vector | None:
    """What all of the user's symbols together have taught."""
    if rules.adaptation.pooling == 0.0:
        return None
    shared = reading.learner(user_id, ANY_SYMBOL).learned
    return shared.tilt() if shared is not None and shared.fits(rules.gate, rules.adaptation) else None


def current_thresholds(reading: Reading, user_id: str, symbol: str, rules: Rules) -> Thresholds:
    for scope in dict.fromkeys((symbol, ANY_SYMBOL)):
        found = reading.thresholds_newest(user_id, scope)
        if found is not None:
            return bounded(found, rules.gate)
    defaults = {name: limits.default for name, limits in rules.gate.items()}
    return Thresholds(user_id, ANY_SYMBOL, 0, defaults, settings_hash=rules.settings_hash)


def record_of(thought: Thought, rules: Rules, actor: str, entropy: Callable[[int], bytes]) -> CycleRecord:
    learner, result, found = thought.learner, thought.result, thought.found
    now_ms = max(found.adapted_at_ms, learner.adapted_at_ms)
    document = found.explanation_document
    following = replace(
        learner, revision=learner.revision + 1, learned=result.learned, adapted_at_ms=now_ms, last=document
    )
    move = None
    if result.values is not None:
        moved = moved_thresholds(found, result, rules, actor, now_ms)
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
        facts = {
            "revision": moved.revision,
            "moved": moved_between(found.thresholds.values, moved.values),
            "adaptation": adaptation.id,
        }
        move = Move(
            moved,
            adaptation,
            learner.learned,
            ThresholdsChanged(moved.user_id, moved.symbol, moved.revision, moved.source),
            Note(now_ms, actor, f"thresholds.{moved.source}", f"{moved.user_id}/{moved.symbol}", facts),
        )
    return CycleRecord(following, result.observed, result.skipped, result.percent_per_r, move, result.measured)


def moved_thresholds(found: Adapted, result: Cycle, rules: Rules, actor: str, now_ms: int) -> Thresholds:
    assert result.values is not None
    # Thresholds of all symbols stand for a symbol that has none of its own yet.
    own = found.thresholds if found.thresholds.symbol == found.symbol else None
    return Thresholds(
        user_id=found.user_id,
        symbol=found.symbol,
        revision=(own.revision if own is not None else 0) + 1,
        values=result.values,
        changed_at_ms=max(now_ms, own.changed_at_ms if own is not None else 0),
        source="rollback" if result.explanation.verdict == "rolled_back" else "adapt",
        reason=result.explanation.reason,
        actor=actor,
        settings_hash=rules.settings_hash,
    )
