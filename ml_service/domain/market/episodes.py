"""Episodes: a bot asks about one signal again and again, and all of it is one piece of evidence.

An episode begins with a decision of a user on a symbol and a side, and takes in all that follow within its horizon. It
is spoken for by its first take, else by its first decision. How long it lasts is what its first decision names; where a
bot names another horizon each time, a shorter one makes no new episode within it, and none is longer than thirty days.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ml_service.domain.market.settlement import Plan, Side

MINUTE_MS = 60_000
HORIZON_MINUTES_MAX = 43_200.0
"""Thirty days; a signal that names more is settled after that."""


class Judged(NamedTuple):
    """A decision of the gate, as far as an episode needs to know it. A tuple: a bot leaves two thousand a day."""

    at_ms: int
    decision_id: str
    symbol: str
    side: Side
    taken: bool
    reduce_only: bool = False
    horizon_minutes: float | None = None


class Episode(NamedTuple):
    symbol: str
    side: Side
    began_at_ms: int
    until_ms: int
    """Decisions before it belong to the episode."""
    decision_id: str
    """Of the decision that speaks for it, …"""
    at_ms: int
    horizon_ms: int
    taken: bool
    tried: str = ""
    """Candles that could not tell, as they were then."""

    def due_at_ms(self, silent_ms: int) -> int:
        """After its horizon; what was taken leaves the bot some more time to report it."""
        return self.at_ms + self.horizon_ms + (silent_ms if self.taken else 0)

    def plan(self, details: Mapping[str, Any]) -> Plan:
        """By what the signal of its decision carried."""
        price, stop, target = (level_of(details.get(name)) for name in ("price", "stop", "target"))
        return Plan(self.side, self.at_ms, self.horizon_ms, price, stop, target)


def gathered(known: Sequence[Episode], judged: Iterable[Judged], horizon_minutes: float) -> list[Episode]:
    """The episodes with what came after them, in the order of time."""
    episodes = list(known)
    newest = {(one.symbol, one.side): place for place, one in enumerate(episodes)}
    for one in judged:
        if one.reduce_only:
            # It closes a position; nothing is entered that could be marked to market.
            continue
        scope = one.symbol, one.side
        place = newest.get(scope)
        if place is None or one.at_ms >= episodes[place].until_ms:
            newest[scope] = len(episodes)
            episodes.append(begun(one, horizon_minutes))
        elif one.taken and not episodes[place].taken:
            horizon_ms = horizon_of(one, horizon_minutes)
            episodes[place] = episodes[place]._replace(
                decision_id=one.decision_id, at_ms=one.at_ms, horizon_ms=horizon_ms, taken=True
            )
    return episodes


def begun(one: Judged, horizon_minutes: float) -> Episode:
    horizon_ms = horizon_of(one, horizon_minutes)
    until_ms = one.at_ms + horizon_ms
    return Episode(one.symbol, one.side, one.at_ms, until_ms, one.decision_id, one.at_ms, horizon_ms, one.taken)


def horizon_of(one: Judged, horizon_minutes: float) -> int:
    minutes = one.horizon_minutes if one.horizon_minutes is not None else horizon_minutes
    return max(1, round(min(minutes, HORIZON_MINUTES_MAX) * MINUTE_MS))


def level_of(value: Any) -> float | None:
    """None also for what was damaged by hand."""
    return float(value) if isinstance(value, int | float) and value > 0.0 else None
