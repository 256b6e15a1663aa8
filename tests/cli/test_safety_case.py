"""The safety case tells of every promise, and fails when one has no test or a test that fails."""

from pathlib import Path

import pytest

from ml_service.cli.safety_case import FOLDER, NOT_BUILT_YET, PROMISED, modules, report

GOOD = '"""{promises}: what is promised"""\n\n\ndef test_it():\n    assert True\n'
BAD = '"""{promises}: what is promised"""\n\n\ndef test_it():\n    assert False\n'


def write(folder: Path, promises: str, text: str = GOOD) -> None:
    (folder / f"test_{promises.lower().replace(', ', '_')}.py").write_text(text.format(promises=promises))


def test_every_promise_with_a_passing_test_is_a_kept_safety_case(tmp_path, capsys):
    write(tmp_path, ", ".join(PROMISED))

    status = report(tmp_path)

    printed = capsys.readouterr().out
    assert status == 0
    assert all(f"{promise:4} test_" in printed for promise in PROMISED)
    assert all(f"{promise:4} not built yet: comes with {what}" in printed for promise, what in NOT_BUILT_YET.items())


@pytest.mark.parametrize("missing", ["P1b", "P15"])
def test_a_promise_without_a_test_fails_the_safety_case(missing, tmp_path, capsys):
    write(tmp_path, ", ".join(one for one in PROMISED if one != missing))

    status = report(tmp_path)

    assert status == 1
    assert f"{missing:4} NO TEST" in capsys.readouterr().out


def test_a_failing_test_fails_the_safety_case(tmp_path, capsys):
    write(tmp_path, ", ".join(one for one in PROMISED if one != "P7"))
    write(tmp_path, "P7", BAD)

    status = report(tmp_path)

    assert status == 1
    assert "1 failed" in capsys.readouterr().out


def test_a_module_that_cannot_be_imported_fails_the_safety_case(tmp_path):
    write(tmp_path, ", ".join(one for one in PROMISED if one != "P7"))
    write(tmp_path, "P7", '"""{promises}: what is promised"""\n\nimport nothing_of_this_name\n')

    assert report(tmp_path) == 1


def test_a_promise_whose_only_tests_are_long_needs_long_to_be_kept(tmp_path):
    write(tmp_path, ", ".join(one for one in PROMISED if one != "P7"))
    long = GOOD.replace("\n\n\ndef", "\n\nimport pytest\n\n\n@pytest.mark.long\ndef")
    write(tmp_path, "P7", long)

    assert report(tmp_path) == 1
    assert report(tmp_path, with_long=True) == 0


def test_every_safety_test_names_its_promise():
    nameless = [module for module, promises in modules(FOLDER).items() if not promises]

    assert nameless == []
