"""What an import came to, told at its end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ml_service.cli.importing.tally import Tally
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.intervals import interval_ms
from ml_service.domain.market.quality import Found, Quality
from ml_service.usecases.import_candles import Imported
from ml_service.web.wire import iso

NAMED_MAX = 10
"""So many refused bars are named; all of them are counted."""


@dataclass(slots=True)
class StreamReport:
    """One stream's share of an import. It grows as the import goes on, so that it is true wherever that stops."""

    stream: Stream
    sources: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    time_units: list[str] = field(default_factory=list)
    volume_units: list[str] = field(default_factory=list)
    done: Imported = field(default_factory=Imported)
    repeated: int = 0
    contradicted: list[int] = field(default_factory=list)
    tally: Tally = field(init=False)
    """Of all that was read."""

    def __post_init__(self) -> None:
        self.tally = Tally(interval_ms(self.stream.interval))

    def note(self, **noted: str) -> None:
        for name, value in noted.items():
            known: list[str] = getattr(self, name)
            if value and value not in known:
                known.append(value)

    @property
    def volume_unit(self) -> str:
        return self.volume_units[0] if len(self.volume_units) == 1 else "unknown"

    @property
    def complaints(self) -> int:
        return len(self.done.added.refused) + len(self.contradicted)

    def as_json(self, dry: bool) -> dict[str, Any]:
        added = self.done.added
        known = self.tally.quality()
        return {
            "venue": self.stream.venue,
            "symbol": self.stream.symbol,
            "interval": self.stream.interval,
            "sources": self.sources,
            "formats": self.formats,
            "why": self.why,
            "time_unit": " and ".join(self.time_units) or None,
            "volume_unit": self.volume_unit,
            "rows": self.done.rows + self.repeated + len(self.contradicted),
            "new": None if dry else added.new,
            "same": None if dry else added.same,
            "corrected": None if dry else added.corrected,
            "refused": None if dry else len(added.refused),
            "refused_bars": [asdict(one) for one in added.refused],
            "unclosed": self.done.unclosed,
            "repeated": self.repeated + known.duplicates.count,
            "contradicted": self.contradicted,
            "quality": asdict(known),
        }


def report_lines(report: StreamReport, dry: bool) -> list[str]:
    added, known = report.done.added, report.tally.quality()
    rows = report.done.rows + report.repeated + len(report.contradicted)
    lines = [
        f"{report.stream}",
        f"  from       {', '.join(report.sources[:3])}{' …' if len(report.sources) > 3 else ''}",
        f"  format     {', '.join(report.formats)}",
        *(f"             {why}" for why in report.why[:8]),
        f"  units      time {' and '.join(report.time_units) or 'none seen'}, volume {report.volume_unit}",
        f"  rows       {rows}",
    ]
    if not dry:
        refused = len(added.refused)
        lines.append(f"  bars       new {added.new}, same {added.same}, corrected {added.corrected}, refused {refused}")
        lines += [f"             {iso(one.opened_at_ms)} {one.why}" for one in added.refused[:NAMED_MAX]]
    if report.contradicted:
        named = ", ".join(iso(at) for at in report.contradicted[:NAMED_MAX])
        lines.append(f"  left out   {len(report.contradicted)} told twice and differently: {named}")
    if report.done.unclosed:
        lines.append(f"  left out   {report.done.unclosed} not closed yet")
    return [*lines, *quality_lines(known, report.repeated)]


def quality_lines(known: Quality, repeated: int = 0) -> list[str]:
    if known.first_ms is None or known.last_ms is None:
        return ["  span       no bars"]
    gaps = known.gaps
    lines = [
        f"  span       {iso(known.first_ms)} to {iso(known.last_ms)}",
        f"  gaps       {gaps.count}, {gaps.missing_bars} bars missing",
        *(f"             {one.bars} bars after {iso(one.after_ms)}" for one in gaps.longest[:3]),
        f"  duplicates {repeated + known.duplicates.count}",
        f"  zero volume {examples(known.zero_volume)}",
        f"  OHLC violations {examples(known.violating)}",
    ]
    others: Mapping[str, Found] = {
        "contradicting": known.contradicting,
        "off the grid": known.off_the_grid,
        "negative volume": known.negative_volume,
        "volume not told": known.volume_not_told,
        "no numbers": known.non_finite,
        "not above zero": known.non_positive,
    }
    lines += [f"  {name} {examples(one)}" for name, one in others.items() if one.count]
    if known.largest_move is not None:
        move = known.largest_move
        lines.append(f"  largest move {100 * move.ratio:+.2f} % at {iso(move.opened_at_ms)}")
    return lines


def examples(found: Found) -> str:
    if not found.count:
        return "0"
    return f"{found.count}, first {', '.join(iso(at) for at in found.opened_at_ms[:3])}"
