"""One import from its source to its report."""

import contextlib
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import typer

from ml_service.adapters.market.exchange import BARS_PER_PAGE, Exchange
from ml_service.adapters.market.found import Damaged, Found, Given, Skipped, VolumeUnit, stream_of
from ml_service.adapters.market.outcomes import read_outcomes
from ml_service.adapters.market.recognise import interval_seen, read_bars, survey
from ml_service.cli.importing.progress import Progress
from ml_service.cli.importing.report import StreamReport, report_lines
from ml_service.cli.wiring import Stores, open_stores
from ml_service.domain.market.arrivals import Added
from ml_service.domain.market.candles import Candles, Stream
from ml_service.domain.outcomes import completed
from ml_service.errors import Conflict, InvalidInput, Refused, Unavailable
from ml_service.settings import Settings
from ml_service.usecases.import_candles import Imported, import_candles, ranges_to_ask
from ml_service.usecases.outcome import report_outcomes
from ml_service.usecases.take_candles import LiveFeatures, take_candles

EXCHANGE = "ccxt:"
STOPPED = 130
"""The exit status of what was stopped with Ctrl-C."""
FAILED = 1
"""Some files could not be read."""
COMPLAINTS = 3
"""Something is wrong with the bars or the trades themselves, and they were left out."""
OUTCOMES_AT_ONCE = 500


class Run:
    """One import: what is open for it, and what it has come to so far."""

    def __init__(self, settings: Settings, dry: bool, shorts: bool = False) -> None:
        self._settings = settings
        self._dry = dry
        self._shorts = shorts
        self._open = contextlib.ExitStack()
        self._opened: Stores | None = None
        self._live = LiveFeatures()
        self._progress: Progress = Progress()
        self._reports: dict[Stream, StreamReport] = {}
        self._skipped: list[tuple[str, str]] = []
        self._failed: list[tuple[str, str]] = []
        self._outcomes = {"read": 0, "created": 0, "duplicate": 0, "conflict": 0, "quarantined": 0}
        self._untold: list[str] = []
        self._notes: list[str] = []
        self._told_outcomes = False

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def __enter__(self) -> "Run":
        self._open.enter_context(self._progress)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def stores(self) -> Stores:
        """Not opened before there is something to keep."""
        if self._opened is None:
            self._opened = self._open.enter_context(open_stores(self._settings))
        return self._opened

    # ---- files

    def files(self, path: Path, given: Given, since: int | None, until: int | None, user: str | None) -> None:
        alone = path.is_file()
        fills: list[Found] = []
        for found in survey(path, given):
            if isinstance(found, Skipped):
                if alone:
                    raise InvalidInput.at("file", f"{found.path}: {found.why}")
                self._skipped.append((str(found.path), found.why))
                continue
            if isinstance(found, Damaged):
                self._failed.append((str(found.path), found.why))
                continue
            try:
                if found.format == "fills" and user is not None:
                    fills.append(found)
                elif found.is_outcomes:
                    self._outcome_files([found], given, user)
                else:
                    self._candle_file(found, given, since, until)
            except Conflict as error:
                # What was read before it is in the report.
                self._failed.append((str(found.path), str(error)))
            except Refused as error:
                # One damaged file must not keep the others out; the end tells of it, and so does the exit status.
                if alone:
                    raise
                self._failed.append((str(found.path), str(error)))
        if fills:
            self._fill_files(fills, given, user, alone)

    def _candle_file(self, found: Found, given: Given, since: int | None, until: int | None) -> None:
        if found.missing:
            known = "; ".join(found.why)
            raise InvalidInput.at(
                found.missing[0].removeprefix("--"), f"{found.path}: say {' and '.join(found.missing)} ({known})"
            )
        self._progress.begin(found.path.name)
        bars = read_bars(found, given)
        report = self._report(stream_of(found, interval_seen(found, bars, given.interval)))
        report.sources.append(str(found.path))
        report.note(formats=found.format, time_units=bars.time_unit, volume_units=bars.volume_unit)
        for why in (*found.why, *bars.why):
            report.note(why=why)
        report.repeated += bars.repeated
        report.contradicted += bars.contradicted
        candles = between(bars.candles, since, until)
        report.tally.add(candles, again=lambda: between(read_bars(found, given).candles, since, until))
        self._take(report, iter([candles]), bars.volume_unit, lambda done: done / max(1, len(candles)))

    # ---- the exchange

    def exchange(
        self,
        name: str,
        symbol: str,
        interval: str,
        since: int | None,
        until: int | None,
        url: str | None,
        venue: str | None,
    ) -> None:
        asked = Exchange(name, url)
        self._open.callback(asked.close)
        listed = asked.listed(symbol, interval)
        stream = listed.stream if venue is None else listed.stream._replace(venue=venue.lower())
        end = min(until, self.now_ms()) if until is not None else self.now_ms()
        ranges = [(since or 0, end)]
        if not self._dry:
            ranges = ranges_to_ask(stream, since, end, BARS_PER_PAGE, market=self.stores.market)
        if (since is None and not ranges) or (self._dry and since is None):
            raise typer.BadParameter(f"{stream} has no bars yet; say from when with --since")
        report = self._report(stream)
        report.sources.append(f"{EXCHANGE}{name} {listed.name}")
        report.note(formats="ccxt", time_units="ms", volume_units=listed.volume_unit)
        self._progress.begin(str(stream))

        def pages() -> Iterator[Candles]:
            for begin, stop in ranges:
                for page in asked.pages(listed, begin, stop if stop < end else until, self.now_ms):
                    report.tally.add(page.candles)
                    report.done += unclosed(page.unclosed)
                    yield page.candles

        begin_ms = ranges[0][0] if ranges else end
        length = max(1, end - begin_ms)
        try:
            self._take(
                report,
                pages(),
                listed.volume_unit,
                lambda _: ((report.tally.last_ms or begin_ms) - begin_ms) / length,
            )
        except (Conflict, Unavailable) as error:
            # What came before is kept, and the report tells of it.
            self._failed.append((report.sources[0], str(error)))
        if asked.pauses:
            self._notes.append(f"the exchange had to be waited for {asked.pauses} times")

    # ---- both

    def _report(self, stream: Stream) -> StreamReport:
        return self._reports.setdefault(stream, StreamReport(stream))

    def _take(
        self, report: StreamReport, pieces: Iterator[Candles], unit: VolumeUnit, share: Callable[[int], float]
    ) -> None:
        def take(candles: Candles) -> Added:
            if self._dry:
                return Added()
            return take_candles(
                report.stream,
                candles,
                market=self.stores.market,
                store=self.stores.store,
                live=self._live,
                now_ms=self.now_ms(),
                # The file's own, and not what all of them agree on: the store tells which of them contradicts it.
                volume_unit=unit if unit != "unknown" else None,
                # Features are made once, at the end, and not after every portion and every file.
                more_to_come=True,
            )

        done = 0
        for portion in import_candles(pieces, stream=report.stream, take=take, now_ms=self.now_ms):
            report.done += portion
            done += portion.rows
            self._progress.reached(share(done), report.done.rows)

    def finish(self) -> None:
        """The last bar of each stream once more: with it come the features, and all before it is durable."""
        for stream, report in self._reports.items():
            if report.done.added != Added():
                market, store = self.stores.market, self.stores.store
                last = market.latest(stream, 1)
                take_candles(stream, last, market=market, store=store, live=self._live, now_ms=self.now_ms())

    # ---- trades

    def _fill_files(self, fills: list[Found], given: Given, user: str | None, alone: bool) -> None:
        """Together. Where one of them cannot be read, what the others tell may be halves of trades."""
        try:
            self._outcome_files(fills, given, user)
        except Refused as error:
            if alone:
                raise
            names = ", ".join(found.path.name for found in fills)
            self._failed.append((names, f"fills are put together from all files or from none: {error}"))

    def _outcome_files(self, files: list[Found], given: Given, user: str | None) -> None:
        found = files[0]
        if user is None:
            raise InvalidInput.at("user", f"{found.path}: holds trades ({'; '.join(found.why)}); say whose with --user")
        self._told_outcomes = True
        self._progress.begin(", ".join(found.path.name for found in files))
        waiting = []
        for one in chain(read_outcomes(files, user, given, self._shorts), [None]):
            if one is not None and one.outcome is None:
                self._untold.append(f"{one.where}: {one.complaint}")
            elif one is not None and one.outcome is not None:
                self._outcomes["read"] += 1
                try:
                    waiting.append(completed(one.outcome))
                except InvalidInput as error:
                    self._untold.append(f"{one.where}: {error}")
            if waiting and (one is None or len(waiting) == OUTCOMES_AT_ONCE):
                self._keep(waiting)
                waiting = []

    def _keep(self, outcomes: list[Any]) -> None:
        if self._dry:
            return
        for receipt in report_outcomes(outcomes, recorder=self.stores.recorder, now_ms=self.now_ms()):
            self._outcomes[receipt.status] += 1

    # ---- the end

    def status(self, stopped: bool) -> int:
        if stopped:
            return STOPPED
        if self._failed:
            return FAILED
        complaints = any(report.complaints for report in self._reports.values()) or bool(self._untold)
        return COMPLAINTS if complaints else 0

    def as_json(self, stopped: bool) -> dict[str, Any]:
        return {
            "complete": self.status(stopped) in (0, COMPLAINTS),
            "stopped": stopped,
            "dry_run": self._dry,
            "streams": [report.as_json(self._dry) for report in self._reports.values()],
            "outcomes": {**self._outcomes, "refused": self._untold} if self._told_outcomes else None,
            "skipped": [{"file": file, "why": why} for file, why in self._skipped],
            "failed": [{"file": file, "why": why} for file, why in self._failed],
            "notes": self._notes,
        }

    def lines(self, stopped: bool) -> Iterator[str]:
        for report in self._reports.values():
            yield from report_lines(report, self._dry)
        if self._told_outcomes:
            yield "trades      " + ", ".join(f"{name} {count}" for name, count in self._outcomes.items())
            yield from (f"  left out   {line}" for line in self._untold)
        yield from self._notes
        yield from (f"skipped     {file}: {why}" for file, why in self._skipped)
        yield from (f"FAILED      {file}: {why}" for file, why in self._failed)
        yield verdict(self.status(stopped), self._dry, bool(self._reports) or self._told_outcomes)


def verdict(status: int, dry: bool, something: bool) -> str:
    if status == STOPPED:
        return "stopped before the end; what is told above is kept, and the same command goes on"
    if status == FAILED:
        return "not complete: some files could not be read"
    if not something:
        return "nothing to import"
    if status == COMPLAINTS:
        return "done, but for the bars or trades that are named above"
    return "done; a dry run, nothing was kept" if dry else "done"


def unclosed(count: int) -> Imported:
    return Imported(count, count)


def between(candles: Candles, since: int | None, until: int | None) -> Candles:
    begin = 0 if since is None else int(np.searchsorted(candles.opened_at_ms, since))
    end = len(candles) if until is None else int(np.searchsorted(candles.opened_at_ms, until))
    return candles[begin:end]
