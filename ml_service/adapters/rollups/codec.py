"""Tallies as text, and back: flat lists of numbers, which are fast to read."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ml_service.domain.performance.amounts import Amounts
from ml_service.domain.performance.days import BREAKDOWNS
from ml_service.domain.performance.holding import Holding
from ml_service.domain.performance.path import Path
from ml_service.domain.performance.streaks import Streaks
from ml_service.domain.performance.summary import NO_TRADES, Summary
from ml_service.domain.performance.tally import Group, Tallies, Tally

VERSION = 1
"""Moved by hand when the same fields come to mean something else."""

PARTS = (Summary, Amounts, Path, Streaks, Holding, Tally)
SHAPE = zlib.crc32(repr([VERSION, list(BREAKDOWNS), [[one.name for one in fields(part)] for part in PARTS]]).encode())
SHAPE &= 0x7FFFFFFF
"""A file of another shape was written by another version of this program, and says nothing to this one."""


PLAIN_MAX = 1_000
"""Longer texts have many groups that repeat each other's numbers, and are packed to a quarter."""


def content_of(tallies: Tallies) -> str | bytes:
    # Python's own JSON: it has words for infinity, and whole numbers of any length.
    text = json.dumps([[group, *tally_numbers(tally)] for group, tally in tallies.items()], separators=(",", ":"))
    return text if len(text) <= PLAIN_MAX else zlib.compress(text.encode(), 1)


def tallies_from(contents: Sequence[str | bytes | None]) -> list[Tallies]:
    """All at once: one call into the parser instead of one for each day."""
    return [
        {group_from(group): tally_from(corrected, taken, rejected) for group, corrected, taken, rejected in groups}
        for groups in json.loads(f"[{','.join(map(text_of, contents))}]")
    ]


def text_of(content: str | bytes | None) -> str:
    if content is None:
        return "[]"
    return content if isinstance(content, str) else zlib.decompress(content).decode()


def tally_numbers(tally: Tally) -> tuple[int, list[Any], list[Any]]:
    return tally.corrected, summary_numbers(tally.taken), summary_numbers(tally.rejected)


def tally_from(corrected: int, taken: list[Any], rejected: list[Any]) -> Tally:
    return Tally(summary_from(taken), summary_from(rejected), corrected)


def summary_numbers(summary: Summary) -> list[Any]:
    if not summary.trades:
        return []
    numbers = [summary.trades, summary.quarantined, summary.wins, summary.losses, summary.ties]
    for amounts in (summary.pnl, summary.percent, summary.r):
        numbers += members(amounts)
    return [
        *numbers,
        summary.growth,
        *members(summary.path),
        *members(summary.streaks),
        *members(summary.holding),
    ]


def summary_from(numbers: list[Any]) -> Summary:
    if not numbers:
        return NO_TRADES
    trades, quarantined, wins, losses, ties = numbers[:5]
    return Summary(
        trades,
        quarantined,
        wins,
        losses,
        ties,
        Amounts(*numbers[5:12]),
        Amounts(*numbers[12:19]),
        Amounts(*numbers[19:26]),
        numbers[26],
        Path(*numbers[27:31]),
        Streaks(*numbers[31:36]),
        Holding(*numbers[36:]),
    )


NAMES: Mapping[type, tuple[str, ...]] = {part: tuple(one.name for one in fields(part)) for part in PARTS}


def members(part: object) -> list[Any]:
    return [getattr(part, name) for name in NAMES[type(part)]]


def group_from(group: Any) -> Group:
    return tuple(group) if isinstance(group, list) else group
