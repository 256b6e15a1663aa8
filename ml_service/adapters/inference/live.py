"""The forecaster of a serving process: champions and rows are kept ready by a thread of its own, requests only run."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_service.adapters.inference.champions import Champion, Champions, Files
from ml_service.adapters.inference.graph import OnnxGraph, figures_of, open_graph
from ml_service.adapters.inference.windows import Past, Windows
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.speaking import SLOWEST_MS, Figures, Question, Serving
from ml_service.domain.types import ModelStatus
from ml_service.domain.view import View
from ml_service.errors import Unavailable

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
FIGURES_MAX = 20_000
"""So many are remembered: a row says the same however often it is asked about, until its bar is over."""

Key = tuple[str, str]


class LiveForecaster:
    def __init__(
        self,
        *,
        view: Callable[[], View],
        files: Files,
        key: SigningKey,
        market: Past,
        alert: Callable[[str], None],
        ran: Callable[[float], None] = lambda seconds: None,
        opening: Callable[[bytes], OnnxGraph] = open_graph,
        slowest_ms: float = SLOWEST_MS,
    ) -> None:
        self._view = view
        self._alert = alert
        self._ran = ran
        self._champions = Champions(files, key, opening, alert, slowest_ms)
        self._windows = Windows(market)
        self._known: dict[Key, Figures] = {}
        self._failing: set[str] = set()
        self._market_away = False
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_for_ever, name="forecaster", daemon=True)

    def start(self) -> None:
        """With the champions of the present view already open."""
        self._look_safely()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    # ---- what requests ask

    def serving(self) -> Serving:
        return self._champions.serving

    def figures(self, view: View, questions: Sequence[Question]) -> list[Figures | ModelStatus]:
        told: dict[Key, Figures | ModelStatus] = {}
        missing: dict[str, dict[Key, Question]] = {}
        keys = [(one.models.set_id, one.features.set_id) for one in questions]
        for key, one in zip(keys, questions, strict=True):
            known = self._known.get(key)
            if known is not None:
                told[key] = known
            else:
                missing.setdefault(key[0], {})[key] = one
        for set_id, asked in missing.items():
            told.update(self._run(view, set_id, asked))
        return [told[key] for key in keys]

    def _run(self, view: View, set_id: str, asked: Mapping[Key, Question]) -> dict[Key, Figures | ModelStatus]:
        champion = self._champions.of_set(set_id)
        if champion is None:
            # It was replaced between the question and here, and that took longer than two looks.
            return dict.fromkeys(asked, "loading")
        rows_back = champion.models.rows_back
        windows = {
            key: self._windows.ending_with(one.features, view.feature_rows, rows_back) for key, one in asked.items()
        }
        ready = {key: window for key, window in windows.items() if window is not None}
        told: dict[Key, Figures | ModelStatus] = dict.fromkeys(asked, "window_missing")
        if ready:
            told.update(self._asked(champion, ready))
        return told

    def _asked(
        self, champion: Champion, ready: Mapping[Key, NDArray[np.float32]]
    ) -> Mapping[Key, Figures | ModelStatus]:
        set_id = champion.models.set_id
        try:
            found = self._measured(champion, np.stack(list(ready.values())))
        except Exception:
            # A decision is made without a model that fails.
            self._failed(set_id)
            return dict.fromkeys(ready, "failed")
        self._failing.discard(set_id)
        answers = dict(zip(ready, found, strict=True))
        if len(self._known) + len(answers) > FIGURES_MAX:
            # A new one, not an emptied one: others are reading.
            self._known = {}
        self._known.update(answers)
        return answers

    def _measured(self, champion: Champion, windows: NDArray[np.float32]) -> list[Figures]:
        began = time.perf_counter()
        found = figures_of(champion.graph, windows)
        self._ran(time.perf_counter() - began)
        return found

    def _failed(self, set_id: str) -> None:
        if set_id not in self._failing:
            self._failing.add(set_id)
            logger.exception("the graph of set %s failed", set_id)
            self._alert(f"the graph of set {set_id} fails; decisions are made without it")

    # ---- keeping ready

    def _look_for_ever(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._look_safely()

    def _look_safely(self) -> None:
        try:
            self.look()
        except Exception:
            logger.exception("looking for champions failed")

    def look(self) -> None:
        """Once: open newcomers, read the rows that they want, then let them speak."""
        with self._looking:
            view = self._view()
            newcomers = self._champions.newcomers(view.signatures)
            sets = [one.models for one in (*self._champions.open.values(), *newcomers.values())]
            self._read_rows(view, sets)
            self._champions.take(view.signatures, newcomers, view.unreadable)

    def _read_rows(self, view: View, sets: Sequence[ModelSet]) -> None:
        try:
            self._windows.load(view.feature_rows, sets)
            self._market_away = False
        except Unavailable as error:
            # Who looks back says so meanwhile; who does not goes on.
            if not self._market_away:
                logger.warning("no rows for models that look back: %s", error)
            self._market_away = True

    # ---- what it says about itself

    def health(self) -> list[dict[str, Any]]:
        view, champions = self._view(), self._champions
        told = []
        for place in sorted({*view.signatures, *view.unreadable}):
            one, broken = champions.open.get(place), view.unreadable.get(place)
            told.append(
                {
                    "symbol": place.symbol,
                    "regime": place.regime,
                    "wanted": broken.set_id if broken is not None else view.champions[place].set_id,
                    "speaking": one.models.set_id if one is not None else None,
                    "version": one.models.version if one is not None else None,
                    "members": [member.model_type for member in one.models.members] if one is not None else [],
                    "provider": one.graph.provider if one is not None else None,
                    "refused": broken.why if broken is not None else champions.refusal(view.signatures[place]),
                }
            )
        return told
