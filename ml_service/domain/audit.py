"""The audit chain: every entry carries the hash of the one before, so that no row can be changed unseen."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEntry:
    sequence: int
    at_ms: int
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Flaw:
    sequence: int
    what: str


def entry_after(
    last: tuple[int, str], at_ms: int, actor: str, action: str, subject: str, details: Mapping[str, Any]
) -> AuditEntry:
    sequence, previous = last[0] + 1, last[1]
    digest = entry_hash(sequence, at_ms, actor, action, subject, details, previous)
    return AuditEntry(sequence, at_ms, actor, action, subject, details, previous, digest)


def entry_hash(
    sequence: int, at_ms: int, actor: str, action: str, subject: str, details: Mapping[str, Any], previous: str
) -> str:
    content = json.dumps(
        [sequence, at_ms, actor, action, subject, details, previous], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(content.encode()).hexdigest()


def flaws(entries: Iterable[AuditEntry], head: tuple[int, str] | None) -> Iterable[Flaw]:
    """Every break in the chain. `head` is what somebody outside remembers as sequence and hash of an entry."""
    expected, sequence = GENESIS, 0
    head_seen = head is None or head[0] == 0
    for entry in entries:
        if entry.sequence != sequence + 1:
            yield Flaw(entry.sequence, f"expected entry {sequence + 1}, found {entry.sequence}")
        if entry.previous_hash != expected:
            yield Flaw(entry.sequence, "does not follow from the entry before it")
        computed = entry_hash(
            entry.sequence,
            entry.at_ms,
            entry.actor,
            entry.action,
            entry.subject,
            entry.details,
            entry.previous_hash,
        )
        if computed != entry.hash:
            yield Flaw(entry.sequence, "was changed after it was written")
        if head is not None and entry.sequence == head[0]:
            head_seen = True
            if entry.hash != head[1]:
                yield Flaw(entry.sequence, "is not the entry that the remembered head names")
        sequence, expected = entry.sequence, entry.hash
    if head is not None and not head_seen:
        yield Flaw(head[0], f"the chain ends at {sequence}, before the remembered head {head[0]}")
