"""verify-audit: tampering is told, and ends with a failure."""

from pathlib import Path

import pytest

from ml_service.settings import load_settings
from tests.cli.desk import Type, create, store_of


def test_an_untouched_chain_is_sound(typed: Type) -> None:
    for _ in range(3):
        create(typed, "--scope", "service")

    ended = typed("verify-audit")

    assert (ended.status, ended.out) == (0, "3 entries checked (up to the remembered head 3), 0 flaws\n")


def tamper(statement: str) -> None:
    database, _ = store_of(load_settings())
    with database.write() as connection:
        connection.exec_driver_sql(statement)
    database.close()


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE sequence = 2", "entry 2: was changed after it was written"),
        ("DELETE FROM audit WHERE sequence = 2", "entry 3: expected entry 2, found 3"),
        ("DELETE FROM audit WHERE sequence = 3", "entry 3: the chain ends at 2, before the remembered head 3"),
    ],
)
def test_tampering_is_told_and_ends_with_a_failure(typed: Type, statement: str, flaw: str) -> None:
    for _ in range(3):
        create(typed, "--scope", "service")
    tamper(statement)

    ended = typed("verify-audit")

    assert ended.status == 1
    assert flaw in ended.out


def test_a_head_remembered_elsewhere_can_be_brought(typed: Type, folder: Path) -> None:
    create(typed, "--scope", "service")
    sequence, digest = (folder / "audit.head").read_text().split()

    good = typed("verify-audit", "--head", f"{sequence}:{digest}")
    foreign = typed("verify-audit", "--head", f"{sequence}:{'0' * 64}")
    beyond = typed("verify-audit", "--head", f"9:{digest}")

    assert [one.status for one in (good, foreign, beyond)] == [0, 1, 1]


@pytest.mark.parametrize("head", ["", "1", "x:y", "1:abc", f"-1:{'0' * 64}"])
def test_a_head_that_makes_no_sense_is_refused(typed: Type, head: str) -> None:
    assert typed("verify-audit", "--head", head).status == 2


def test_a_damaged_file_of_the_head_does_not_stop_the_check(typed: Type, folder: Path) -> None:
    create(typed, "--scope", "service")
    (folder / "audit.head").write_text("one two\n")

    ended = typed("verify-audit")

    assert (ended.status, ended.out) == (0, "1 entries checked (no head is remembered here), 0 flaws\n")
