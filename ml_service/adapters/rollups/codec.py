"""Tallies as bytes, and back: numbers of fixed places, which are fast to read."""

import json
import math
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache
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


def shape_of(breakdowns: Iterable[str]) -> int:
    names = [list(part._fields) for part in PARTS]
    return zlib.crc32(repr([VERSION, list(breakdowns), names]).encode()) & 0x7FFFFFFF


SHAPE = shape_of(BREAKDOWNS)
"""A file of another shape was written by another version of this program, and says nothing to this one."""

HEAD = struct.Struct("<qBB")
"""Corrected; whether there are trades taken, and rejected."""
NUMBERS = struct.Struct("<5q 3q4d 3q4d 3q4d d 4d 5q 4qd")
"""Of a summary: counts, three amounts, growth, path, streaks, holding."""

PACKED_MIN = 1_000
"""Longer contents have many groups with much in common, and are packed to a half."""


def content_of(tallies: Tallies) -> bytes | None:
    """None where a number has no room in its place: nothing that happens, but nothing that may be cut off either."""
    names = json.dumps(list(tallies)).encode()
    try:
        parts = [packed for tally in tallies.values() for packed in packed_tally(tally)]
    except struct.error:
        return None
    content = b"".join((len(names).to_bytes(4, "little"), names, *parts))
    return b"z" + zlib.compress(content, 1) if len(content) > PACKED_MIN else b"p" + content


@lru_cache(maxsize=4096)
def tallies_from(content: bytes | None) -> Tallies:
    """Whoever looks at a history looks again, and all its days but the last are what they were: some 6 MB of them are
    kept as they were read."""
    if content is None:
        return {}
    plain = zlib.decompress(content[1:]) if content[:1] == b"z" else content[1:]
    at = 4 + int.from_bytes(plain[:4], "little")
    tallies: dict[Group, Tally] = {}
    for name in names_from(plain[4:at]):
        corrected, has_taken, has_rejected = HEAD.unpack_from(plain, at)
        at += HEAD.size
        taken = rejected = NO_TRADES
        if has_taken:
            taken = summary_from(NUMBERS.unpack_from(plain, at))
            at += NUMBERS.size
        if has_rejected:
            rejected = summary_from(NUMBERS.unpack_from(plain, at))
            at += NUMBERS.size
        tallies[tuple(name) if isinstance(name, list) else name] = Tally(taken, rejected, corrected)
    return tallies


@lru_cache(maxsize=512)
def names_from(text: bytes) -> list[Any]:
    """Most days have the same."""
    names: list[Any] = json.loads(text)
    return names


def packed_tally(tally: Tally) -> list[bytes]:
    summaries = (tally.taken, tally.rejected)
    packed = [NUMBERS.pack(*numbers_of(summary)) for summary in summaries if summary.trades]
    return [HEAD.pack(tally.corrected, *(summary.trades > 0 for summary in summaries)), *packed]


def numbers_of(summary: Summary) -> list[float]:
    counts = (summary.trades, summary.quarantined, summary.wins, summary.losses, summary.ties)
    amounts = (*summary.pnl, *summary.percent, *summary.r)
    numbers = [*counts, *amounts, summary.growth, *summary.path, *summary.streaks, *summary.holding]
    return [math.nan if number is None else number for number in numbers]


def summary_from(numbers: tuple[Any, ...]) -> Summary:
    trades, quarantined, wins, losses, ties = numbers[:5]
    return Summary(
        trades,
        quarantined,
        wins,
        losses,
        ties,
        amounts_from(numbers[5:12]),
        amounts_from(numbers[12:19]),
        amounts_from(numbers[19:26]),
        numbers[26],
        Path(*numbers[27:31]),
        Streaks(*numbers[31:36]),
        Holding(*numbers[36:]),
    )


def amounts_from(numbers: tuple[Any, ...]) -> Amounts:
    """Without one there is no best and no worst either."""
    return Amounts(*numbers) if numbers[0] else Amounts(*numbers[:5])
