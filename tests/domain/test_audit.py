"""The audit chain: whatever is changed, taken out, moved or cut off shows."""

from dataclasses import replace

import pytest

from ml_service.domain.audit import GENESIS, AuditEntry, entry_after, flaws


def chain(length: int = 5) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    last = (0, GENESIS)
    for number in range(length):
        entries.append(entry_after(last, 1000 + number, "ada", "thresholds.set", "ada/*", {"revision": number}))
        last = (entries[-1].sequence, entries[-1].hash)
    return entries


def head(entries: list[AuditEntry]) -> tuple[int, str]:
    return entries[-1].sequence, entries[-1].hash


def test_an_untouched_chain_has_no_flaw() -> None:
    entries = chain()

    assert list(flaws(entries, None)) == []
    assert list(flaws(entries, head(entries))) == []


def test_the_chain_starts_at_one_and_counts_on() -> None:
    assert [entry.sequence for entry in chain(3)] == [1, 2, 3]


def test_an_empty_chain_is_sound_unless_somebody_remembers_an_entry() -> None:
    assert list(flaws([], None)) == []
    assert list(flaws([], (0, GENESIS))) == []
    assert [flaw.sequence for flaw in flaws([], (3, "a" * 64))] == [3]


@pytest.mark.parametrize(
    "change",
    [
        {"at_ms": 1},
        {"actor": "eve"},
        {"action": "thresholds.reset"},
        {"subject": "bob/*"},
        {"details": {"revision": 99}},
        {"details": {}},
    ],
)
def test_a_changed_field_shows(change: dict[str, object]) -> None:
    entries = chain()
    entries[2] = replace(entries[2], **change)  # type: ignore[arg-type]  # one field after the other

    assert [(flaw.sequence, flaw.what) for flaw in flaws(entries, None)] == [(3, "was changed after it was written")]


def test_an_entry_written_again_with_a_fitting_hash_breaks_the_link_to_the_next() -> None:
    entries = chain()
    entries[2] = entry_after((2, entries[1].hash), 1002, "eve", "thresholds.set", "ada/*", {"revision": 2})

    assert [(flaw.sequence, flaw.what) for flaw in flaws(entries, None)] == [
        (4, "does not follow from the entry before it")
    ]


@pytest.mark.parametrize("position", range(4))
def test_a_deleted_entry_shows(position: int) -> None:
    entries = chain()
    del entries[position]

    assert list(flaws(entries, None))


def test_entries_that_change_places_show() -> None:
    entries = chain()
    entries[1], entries[2] = entries[2], entries[1]

    assert list(flaws(entries, None))


def test_a_cut_off_end_shows_to_whoever_remembers_the_head() -> None:
    entries = chain()
    remembered = head(entries)

    assert list(flaws(entries[:-1], None)) == []
    assert [flaw.sequence for flaw in flaws(entries[:-1], remembered)] == [5]


def test_a_chain_that_was_forged_from_the_start_shows_to_whoever_remembers_a_head() -> None:
    remembered = head(chain())
    forged: list[AuditEntry] = []
    last = (0, GENESIS)
    for _ in range(5):
        forged.append(entry_after(last, 1, "eve", "nothing", "-", {}))
        last = head(forged)

    assert list(flaws(forged, None)) == []
    assert [flaw.sequence for flaw in flaws(forged, remembered)] == [5]


def test_a_chain_that_grew_beyond_the_remembered_head_is_sound() -> None:
    entries = chain()

    assert list(flaws(entries, head(entries[:3]))) == []


def test_the_order_of_the_details_does_not_matter() -> None:
    one = entry_after((0, GENESIS), 1, "a", "b", "c", {"x": 1, "y": [2]})
    other = entry_after((0, GENESIS), 1, "a", "b", "c", {"y": [2], "x": 1})

    assert one.hash == other.hash
