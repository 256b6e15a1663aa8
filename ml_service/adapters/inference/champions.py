"""The champions whose graphs are open: each loaded beside the one before it, tried once, and then put in its place."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ml_service.adapters.inference.graph import OnnxGraph
from ml_service.adapters.inference.trial import in_time, tried
from ml_service.domain.models.champions import Unreadable
from ml_service.domain.models.set_document import read_set
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import Signed, SigningKey
from ml_service.domain.models.slots import Place
from ml_service.domain.models.speaking import Hindrance, Serving
from ml_service.errors import ForeignSchema, ModelRefused
from ml_service.features.schema import SCHEMA

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 30.0
"""What was refused may have been put right since."""


class Files(Protocol):
    def read(self, sha256: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Champion:
    """A set, and its graph."""

    models: ModelSet
    signed: Signed
    graph: OnnxGraph


class Champions:
    """Kept by one thread; read by many, who always find a whole state."""

    def __init__(
        self,
        files: Files,
        key: SigningKey,
        open_graph: Callable[[bytes], OnnxGraph],
        alert: Callable[[str], None],
        slowest_ms: float,
    ) -> None:
        self._files = files
        self._key = key
        self._open = open_graph
        self._alert = alert
        self._slowest_ms = slowest_ms
        self._refused: dict[str, tuple[str, float]] = {}
        """By document: why, and when to try again."""
        self._unreadable: frozenset[Unreadable] = frozenset()
        """Those that were told of."""
        self.open: Mapping[Place, Champion] = {}
        self._leaving: Mapping[Place, Champion] = {}
        """Replaced at the last look: a question that was put before it is still answered."""
        self.serving = Serving()

    def newcomers(self, wanted: Mapping[Place, Signed]) -> dict[Place, Champion]:
        """Those of the wanted that are not open yet and can be."""
        now = time.monotonic()
        found = {}
        for place, signed in wanted.items():
            present = self.open.get(place)
            if present is not None and present.signed == signed:
                continue
            if self._refused.get(signed.signature, ("", 0.0))[1] > now:
                continue
            try:
                found[place] = self.opened(signed)
            except ModelRefused as error:
                self._refuse(place, signed, str(error), now)
            except Exception as error:
                logger.exception("a champion could not be opened")
                self._refuse(place, signed, f"{type(error).__name__}: {error}", now)
        return found

    def take(
        self,
        wanted: Mapping[Place, Signed],
        newcomers: Mapping[Place, Champion],
        unreadable: Mapping[Place, Unreadable],
    ) -> None:
        """Where a newcomer could not be opened, the one before it goes on; where nobody is wanted, nobody speaks."""
        named = {*wanted, *unreadable}
        kept = {place: champion for place, champion in self.open.items() if place in named}
        still_open = {**kept, **newcomers}
        self._leaving = {place: one for place, one in self.open.items() if still_open.get(place) is not one}
        self.open = still_open
        silent: dict[Place, Hindrance] = {place: "refused" for place in named if place not in self.open}
        self.serving = Serving({place: champion.models for place, champion in self.open.items()}, silent)
        signatures = {signed.signature for signed in wanted.values()}
        spoken = {champion.signed.signature for champion in newcomers.values()}
        self._refused = {one: why for one, why in self._refused.items() if one in signatures - spoken}
        for place, champion in newcomers.items():
            logger.info("set %s speaks for %s", champion.models.set_id, "/".join(place))
        for one in unreadable.values():
            if one not in self._unreadable:
                self._tell(one.place, one.why)
        self._unreadable = frozenset(unreadable.values())

    def of_set(self, set_id: str) -> Champion | None:
        return next(
            (one for some in (self.open, self._leaving) for one in some.values() if one.models.set_id == set_id), None
        )

    def opened(self, signed: Signed) -> Champion:
        """`ModelRefused` unless everything about it is as its signed document says."""
        self._key.verify(signed)
        models = read_set(signed).models
        if models.schema_hash != SCHEMA.hash:
            raise ForeignSchema(f"expected a set for rows of schema {SCHEMA.hash}, found one for {models.schema_hash}")
        graph = tried(self._open(self._files.read(models.graph_sha256)), models)
        return Champion(models, signed, in_time(graph, models, self._slowest_ms))

    def refusal(self, signed: Signed) -> str | None:
        """Why the one of that document does not speak."""
        return self._refused.get(signed.signature, (None, 0.0))[0]

    def _refuse(self, place: Place, signed: Signed, why: str, now: float) -> None:
        if signed.signature not in self._refused:
            self._tell(place, why)
        self._refused[signed.signature] = why, now + AGAIN_SECONDS

    def _tell(self, place: Place, why: str) -> None:
        earlier = self.open.get(place)
        rest = f"set {earlier.models.set_id} goes on" if earlier is not None else "nobody speaks there"
        self._alert(f"the champion for {'/'.join(place)} was refused, {rest}: {why}")
