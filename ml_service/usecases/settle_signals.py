"""Settle by candles what nobody reported: what the gate refused, and what was taken by a bot that keeps silent.

One result per episode, as an outcome with `accepted: false`. What the bot reports later counts in its place.

A user's decisions are read once, in the order of time and up to `LATE_MS` ago; the place that is kept is the last one
that was read. So what journals kept while the database was away is found, if it is delivered before the user's next
decision is older than that. What comes later still, from a host that was cut off while others went on deciding for the
same user, is not settled: to find it, every decision would have to be read again and again.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ml_service.domain.market.candles import Candles, Stream, joined
from ml_service.domain.market.episodes import MINUTE_MS, Episode, gathered
from ml_service.domain.market.intervals import INTERVALS
from ml_service.domain.market.settlement import Costs, Settled, Unsettled, entered_at_ms, settled
from ml_service.domain.outcomes import DAY_MS, Outcome
from ml_service.domain.types import Decision
from ml_service.ports import Market, Reading, Recorder, Store, StreamInfo

CURSOR = "settle_signals"
LATE_MS = 10 * MINUTE_MS
"""Decisions may come late, by way of a journal: an episode is read once they would be there."""
LOOK_BACK_MS = 7 * DAY_MS
"""Where a user is met for the first time."""
PATIENCE_MS = 7 * DAY_MS
"""Candles that have not come by then, and holes that nobody has filled, are waited for no longer."""
USERS_AT_ONCE = 20
ROWS_AT_ONCE = 1_000
ROWS_MAX = 20_000
EPISODES_MAX = 500
"""In one round: alerts and other work of the worker wait for it."""
WAITING_MAX = 1_000
"""Per user; of more episodes without candles, the oldest are given up, first those with a hole in theirs."""
OUTCOMES_AT_ONCE = 25
"""In one commit: who reports or records meanwhile waits for it."""
NAME_LENGTH_MAX = 128
"""Of what a trade may be called on the way in and in an address."""


@dataclass(frozen=True, slots=True)
class Rules:
    horizon_minutes: float = 720.0
    silent_hours: float = 24.0
    costs: Costs = field(default_factory=Costs)
    venue: str | None = None
    """Whose candles alone may settle; None: whoever has some."""

    @property
    def silent_ms(self) -> int:
        return round(self.silent_hours * 60 * MINUTE_MS)


@dataclass(frozen=True, slots=True)
class Done:
    settled: int = 0
    told: int = 0
    """Somebody else knew better."""
    given_up: Counter[str] = field(default_factory=Counter)
    """By reason."""


@dataclass(slots=True)
class Notes:
    """How far one user's decisions were read, and the episodes that are open or wait for their candles."""

    user_id: str
    after: tuple[int, str]
    episodes: list[Episode]
    read_until_ms: int = 0
    rows: int = 0
    """How many decisions were read this time, …"""
    crowded_out: int = 0
    """… and how many episodes made way for younger ones."""
    changed: bool = False

    def conclude(self, episode: Episode, tried: str | None) -> None:
        """It waits on in its place for other candles than those, or is done with."""
        place = self.episodes.index(episode)
        self.episodes[place : place + 1] = [] if tried is None else [episode._replace(tried=tried)]
        self.changed = True

    @property
    def document(self) -> str:
        return json.dumps({"after": self.after, "episodes": self.episodes})


@dataclass(frozen=True, slots=True)
class Due:
    notes: Notes
    episode: Episode
    streams: tuple[StreamInfo, ...]
    """That cover its horizon, the one to be asked first in front."""
    gives_up: bool
    """What cannot be told now is waited for no longer."""

    @property
    def state(self) -> str:
        """Moves when bars were added that could fill a hole, or another stream has come as far."""
        return ", ".join(f"{info.stream} {info.revision}" for info in self.streams)


def settle_signals(
    *,
    rules: Rules,
    market: Market,
    store: Store,
    recorder: Recorder,
    now_ms: int,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Done:
    """One round over some users; the next goes on where this one stopped, and begins anew at the end.

    What is written first are outcomes, each under the name of its decision: after a kill in between, the same names
    come again and are known.
    """
    infos = market.streams()
    if not infos:
        return Done()
    with store.read() as reading:
        began = position = reading.cursor(CURSOR) or None
    read: list[Notes] = []
    due: list[Due] = []
    while may_go_on() and len(due) < EPISODES_MAX and sum(notes.rows for notes in read) < ROWS_MAX:
        with store.read() as reading:
            users = reading.users_deciding(position, USERS_AT_ONCE)
            part = [read_on(reading, user_id, rules, now_ms) for user_id in users]
        read += part
        due += [one for notes in part for one in ripe(notes, infos, rules, now_ms)]
        position = users[-1] if len(users) == USERS_AT_ONCE else None
        if position is None:
            break
    # Where bars are added all the time, those that were tried before leave room for those that never were.
    due.sort(key=lambda one: one.episode.tried != "")
    done = settle_due(due[:EPISODES_MAX], rules.costs, market, store, recorder, now_ms, may_go_on)
    if crowded_out := sum(notes.crowded_out for notes in read):
        done.given_up["too_many"] += crowded_out
    changed = [notes for notes in read if notes.changed]
    if changed or position != began:
        with store.begin() as tx:
            for notes in changed:
                tx.save_cursor(cursor_of(notes.user_id), notes.document)
            tx.save_cursor(CURSOR, position or "")
    return done


def make_way(user_id: str, trade_id: str, *, rules: Rules, store: Store) -> bool:
    """A report takes the place of what was worked out for its episode, also where it belongs to another decision of it
    or tells of a rejected signal; for the same decision, a trade has done so already."""
    with store.read() as reading:
        reported = reading.outcome(user_id, trade_id)
        if reported is None or reported.is_quarantined or reported.matched_decision_id is None:
            return False
        if reported.outcome.source == "settlement":
            return False
        found = reading.settled_for(user_id, reported.matched_decision_id, rules.horizon_minutes)
    if found is None:
        return False
    with store.begin() as tx:
        current = tx.outcome_to_change(user_id, found.outcome.trade_id)
        if current is None or current.superseded_by is not None:
            return False
        tx.save_stand_in(current, trade_id)
        return True


# ---- episodes


def cursor_of(user_id: str) -> str:
    return f"{CURSOR}:{user_id}"


def read_on(reading: Reading, user_id: str, rules: Rules, now_ms: int) -> Notes:
    """The user's notes with the decisions that have come since."""
    notes = notes_of(reading, user_id, now_ms)
    page = reading.judged(user_id, notes.after, now_ms - LATE_MS, ROWS_AT_ONCE)
    if page.items:
        last = page.items[-1]
        notes.after = (last.at_ms, last.decision_id)
        episodes = gathered(notes.episodes, page.items, rules.horizon_minutes)
        notes.episodes = without_surplus(episodes)
        notes.crowded_out = len(episodes) - len(notes.episodes)
        notes.rows = len(page.items)
        notes.changed = True
    notes.read_until_ms = now_ms - LATE_MS if page.next_cursor is None else notes.after[0]
    return notes


def without_surplus(episodes: Sequence[Episode]) -> list[Episode]:
    places = sorted(range(len(episodes)), key=lambda place: (episodes[place].tried == "", place))
    return [episodes[place] for place in sorted(places[-WAITING_MAX:])]


def notes_of(reading: Reading, user_id: str, now_ms: int) -> Notes:
    kept = reading.cursor(cursor_of(user_id))
    if kept is None:
        return Notes(user_id, (now_ms - LOOK_BACK_MS, ""), [])
    document = json.loads(kept)
    at_ms, decision_id = document["after"]
    return Notes(user_id, (at_ms, decision_id), [Episode(*fields) for fields in document["episodes"]])


def ripe(notes: Notes, infos: Iterable[StreamInfo], rules: Rules, now_ms: int) -> list[Due]:
    """What can be settled now, and what was waited for long enough. Candles that could not tell before are not read
    again while they are the same."""
    found = []
    for episode in notes.episodes:
        due_at_ms = episode.due_at_ms(rules.silent_ms)
        if now_ms < due_at_ms or notes.read_until_ms < episode.until_ms:
            continue
        streams = covering(episode, infos, rules.venue, now_ms)
        gives_up = now_ms > due_at_ms + PATIENCE_MS
        one = Due(notes, episode, streams, gives_up)
        if gives_up or one.state != episode.tried:
            found.append(one)
    return found


def covering(episode: Episode, infos: Iterable[StreamInfo], venue: str | None, now_ms: int) -> tuple[StreamInfo, ...]:
    """The finest interval first: what was left out there a coarser bar may have."""
    found = [
        info
        for info in infos
        if info.stream.symbol == episode.symbol
        and (venue is None or info.stream.venue == venue)
        and covers(info, episode, now_ms)
    ]
    return tuple(sorted(found, key=lambda info: (INTERVALS[info.stream.interval], info.stream)))


def covers(info: StreamInfo, episode: Episode, now_ms: int) -> bool:
    length_ms = INTERVALS[info.stream.interval]
    plan = episode.plan({})
    entered_ms = entered_at_ms(plan, length_ms)
    # The bar in which the horizon ends has to be closed.
    needed_ms = -(-plan.until_ms // length_ms) * length_ms
    if info.first_ms is None or info.last_ms is None or entered_ms >= plan.until_ms or needed_ms > now_ms:
        return False
    return info.first_ms <= entered_ms and info.last_ms + length_ms >= needed_ms


# ---- results


def settle_due(
    due: Sequence[Due],
    costs: Costs,
    market: Market,
    store: Store,
    recorder: Recorder,
    now_ms: int,
    may_go_on: Callable[[], bool],
) -> Done:
    bars = Bars(market, due)
    count = told = 0
    given_up: Counter[str] = Counter()
    for start in range(0, len(due), OUTCOMES_AT_ONCE):
        if not may_go_on():
            break
        part = due[start : start + OUTCOMES_AT_ONCE]
        with store.read() as reading:
            untold = [one for one in part if not reading.is_told(one.notes.user_id, one.episode)]
            decisions = [reading.decision(one.notes.user_id, one.episode.decision_id) for one in untold]
        outcomes, waiting = [], []
        for one, decision in zip(untold, decisions, strict=True):
            found = outcome_of(one, decision, bars, costs)
            if isinstance(found, Outcome):
                outcomes.append(found)
            elif found is not None and found.may_come and not one.gives_up:
                waiting.append(one)
            else:
                given_up["no_decision" if found is None else found.reason] += 1
        receipts = recorder.keep(outcomes, now_ms) if outcomes else []
        count += sum(receipt.status in ("created", "quarantined") for receipt in receipts)
        told += len(part) - len(untold)
        for one in part:
            one.notes.conclude(one.episode, one.state if one in waiting else None)
    return Done(count, told, given_up)


def outcome_of(due: Due, decision: Decision | None, bars: "Bars", costs: Costs) -> Outcome | Unsettled | None:
    """Or why there is none: for good, only where no stream leaves hope. None where the decision has gone."""
    if decision is None:
        return None
    plan = due.episode.plan(decision.signal.details)
    left: Unsettled | None = None
    for info in due.streams:
        length_ms = INTERVALS[info.stream.interval]
        found = settled(plan, bars.of(info), length_ms, costs)
        if isinstance(found, Settled):
            return as_outcome(due, found, info)
        left = found if left is None or not left.may_come else left
    return left or Unsettled("no_candles")


def as_outcome(due: Due, found: Settled, info: StreamInfo) -> Outcome:
    episode = due.episode
    notes = {"settled_by": found.why, "candles": str(info.stream), "episode": [episode.began_at_ms, episode.until_ms]}
    return Outcome(
        user_id=due.notes.user_id,
        trade_id=trade_id_of(episode.decision_id),
        symbol=episode.symbol,
        accepted=False,
        side=episode.side,
        pnl_percent=found.pnl_percent,
        entry_price=found.entry_price,
        exit_price=found.exit_price,
        opened_at_ms=found.opened_at_ms,
        closed_at_ms=found.closed_at_ms,
        decision_id=episode.decision_id,
        source="settlement",
        ignored={**notes, "not_followed": found.not_followed} if found.not_followed else notes,
    )


def trade_id_of(decision_id: str) -> str:
    name = f"settled:{decision_id}"
    return name if len(name) <= NAME_LENGTH_MAX else f"settled:sha256:{sha256(decision_id.encode()).hexdigest()}"


class Bars:
    """Candles of each stream, read once for all who are due."""

    def __init__(self, market: Market, due: Iterable[Due]) -> None:
        self._market = market
        self._spans: dict[Stream, tuple[int, int]] = {}
        self._read: dict[Stream, Candles] = {}
        for one in due:
            for info in one.streams:
                plan, stream = one.episode.plan({}), info.stream
                low, high = self._spans.get(stream, (plan.at_ms, plan.until_ms))
                self._spans[stream] = min(low, plan.at_ms), max(high, plan.until_ms)

    def of(self, info: StreamInfo) -> Candles:
        stream = info.stream
        if stream not in self._read:
            self._read[stream] = joined(self._market.candles(stream, *self._spans[stream]))
        return self._read[stream]
