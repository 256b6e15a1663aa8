"""Everything a decision reads, at one moment. A view never changes; a newer one takes its place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from ml_service.domain.keys import ApiKey
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import (
    ANY_SOURCE,
    FeatureRow,
    FeatureSource,
    FeaturesUsed,
    Known,
    by_symbol,
    used,
    with_newer,
)
from ml_service.domain.models.champions import Unreadable
from ml_service.domain.models.set_document import SignedSet
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import Signed
from ml_service.domain.models.slots import Place
from ml_service.domain.thresholds import bounded
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Kill, Thresholds


@dataclass(frozen=True, slots=True)
class Changes:
    """What moved in the database since a generation; `full` when it replaces all that was known."""

    store_id: str
    generation: int
    thresholds: tuple[Thresholds, ...] = ()
    keys: tuple[ApiKey, ...] = ()
    kills: tuple[Kill, ...] = ()
    feature_rows: tuple[FeatureRow, ...] = ()
    champions: tuple[SignedSet, ...] = ()
    vacated: tuple[Place, ...] = ()
    """Where nobody serves any longer."""
    unreadable: tuple[Unreadable, ...] = ()
    full: bool = False


@dataclass(frozen=True, slots=True)
class LocalKill:
    """A turn of the kill switch as this host's file keeps it; `heard` once the database has it too."""

    kill: Kill
    heard: bool


@dataclass(frozen=True, slots=True)
class View:
    policy: GatePolicy
    settings_hash: str
    store_id: str = ""
    generation: int = -1
    thresholds: Mapping[tuple[str, str], Thresholds] = field(default_factory=dict)
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    kills: Mapping[str, Kill] = field(default_factory=dict)
    """By user; `*` is everybody."""
    local_kills: Mapping[str, LocalKill] = field(default_factory=dict)
    """What this host's kill file says."""
    kill_file_unreadable: bool = False
    exploration: float = 0.0
    """The share of the refused signals that is taken all the same, under these very settings."""
    feature_rows: Mapping[Stream, tuple[FeatureRow, ...]] = field(default_factory=dict)
    """The newest of every stream, and the one before it."""
    feature_source: FeatureSource = ANY_SOURCE
    rows_of_symbol: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    """Those that decisions may use, the preferred first."""
    champions: Mapping[Place, ModelSet] = field(default_factory=dict)
    """As the database names them: who opens a file of theirs verifies the signature first."""
    signatures: Mapping[Place, Signed] = field(default_factory=dict)
    """The document of each champion, as it was signed."""
    unreadable: Mapping[Place, Unreadable] = field(default_factory=dict)
    """Champions that nobody can open; the one before it stays among the others."""

    def features_for(self, symbol: str, now_ms: int) -> FeaturesUsed | None:
        return used(self.rows_of_symbol.get(symbol, ()), now_ms)

    def thresholds_for(self, user_id: str, symbol: str) -> Thresholds:
        """A symbol follows its user's row for all symbols until it has moved by itself."""
        own = self.thresholds.get((user_id, symbol)) or self.thresholds.get((user_id, ANY_SYMBOL))
        if own is None:
            return default_thresholds(user_id, self.policy, self.settings_hash)
        return bounded(own, self.policy)

    def thresholds_of(self, user_id: str, symbols: Iterable[str]) -> dict[str, Thresholds]:
        """Of each of the symbols; one that follows the row for all symbols shares its object with the others."""
        shared = self.thresholds_for(user_id, ANY_SYMBOL)
        owns = {symbol: self.thresholds.get((user_id, symbol)) for symbol in symbols}
        return {symbol: shared if own is None else bounded(own, self.policy) for symbol, own in owns.items()}

    def killed(self, user_id: str) -> bool:
        if self.kill_file_unreadable:
            return True
        return self.kill_of(ANY_SYMBOL) or self.kill_of(user_id)

    def kill_of(self, user_id: str) -> bool:
        known, local = self.kills.get(user_id), self.local_kills.get(user_id)
        if local is None:
            return known is not None and known.on
        if known is None or not local.heard:
            return local.kill.on
        return (known if known.changed_at_ms >= local.kill.changed_at_ms else local.kill).on


def default_thresholds(user_id: str, policy: GatePolicy, settings_hash: str) -> Thresholds:
    return Thresholds(
        user_id=user_id,
        symbol=ANY_SYMBOL,
        revision=0,
        values={name: limits.default for name, limits in policy.items()},
        settings_hash=settings_hash,
    )


def changed(view: View, changes: Changes) -> View:
    thresholds = {} if changes.full else dict(view.thresholds)
    keys = {} if changes.full else dict(view.keys)
    kills = {} if changes.full else dict(view.kills)
    feature_rows = {} if changes.full else dict(view.feature_rows)
    champions = {} if changes.full else dict(view.champions)
    signatures = {} if changes.full else dict(view.signatures)
    unreadable = {} if changes.full else dict(view.unreadable)
    for place in changes.vacated:
        champions.pop(place, None)
        signatures.pop(place, None)
        unreadable.pop(place, None)
    for champion in changes.champions:
        champions[champion.models.place] = champion.models
        signatures[champion.models.place] = champion.signed
        unreadable.pop(champion.models.place, None)
    for one in changes.unreadable:
        unreadable[one.place] = one
    for newer in changes.feature_rows:
        feature_rows[newer.stream] = with_newer(feature_rows.get(newer.stream, ()), newer)
    for row in changes.thresholds:
        thresholds[row.user_id, row.symbol] = row
    for key in changes.keys:
        keys[key.id] = key
    for kill in changes.kills:
        kills[kill.user_id] = kill
    return replace(
        view,
        store_id=changes.store_id,
        generation=changes.generation,
        thresholds=thresholds,
        keys=keys,
        kills=kills,
        feature_rows=feature_rows,
        champions=champions,
        signatures=signatures,
        unreadable=unreadable,
        rows_of_symbol=by_symbol(chain(*feature_rows.values()), view.feature_source)
        if changes.full or changes.feature_rows
        else view.rows_of_symbol,
    )


def under_settings(
    view: View, policy: GatePolicy, settings_hash: str, exploration: float, source: FeatureSource
) -> View:
    """The same facts, seen under other settings."""
    return replace(
        view,
        policy=policy,
        settings_hash=settings_hash,
        exploration=exploration,
        feature_source=source,
        rows_of_symbol=by_symbol(chain(*view.feature_rows.values()), source),
    )
