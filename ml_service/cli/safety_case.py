"""The safety case: every promise, the tests that keep it, and how they came out."""

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "safety"

PROMISED = (
    "P1",
    "P1b",
    "P2",
    "P3",
    "P3b",
    "P4",
    "P4b",
    "P4c",
    "P6",
    "P7",
    "P8",
    "P9",
    "P10",
    "P11",
    "P12",
    "P13",
    "P14",
    "P15",
)
NOT_BUILT_YET: Mapping[str, str] = {
    "P5": "the gates of promotion",
}
"""Promises that come with a capability the service does not have yet."""

NAMES = re.compile(r"P\d+[a-z]?")


def report(folder: Path = FOLDER, with_long: bool = False) -> int:
    """Prints the table; 0 when every promise has tests and all of them passed."""
    found = modules(folder)
    results = run(folder, with_long)
    kept = True
    for promise in (*PROMISED, *NOT_BUILT_YET):
        tests = [(module, results[module]) for module, names in found.items() if promise in names]
        ran = [(module, result) for module, result in tests if any(result.values())]
        for module, result in ran:
            kept &= not result["failed"]
            print(f"{promise:4} {module:40} {', '.join(f'{count} {word}' for word, count in result.items() if count)}")
        if not ran and promise in PROMISED:
            kept = False
            print(f"{promise:4} {'NO TEST' if not tests else tests[0][0] + ': NO TEST RAN'}")
        if not ran and promise in NOT_BUILT_YET:
            print(f"{promise:4} not built yet: comes with {NOT_BUILT_YET[promise]}")
    print("every promise is kept" if kept else "NOT every promise is kept")
    return 0 if kept else 1


def modules(folder: Path) -> dict[str, tuple[str, ...]]:
    """The promises of each test module: what its first line names before the colon."""
    found = {}
    for path in sorted(folder.glob("test_*.py")):
        first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        found[path.stem] = tuple(NAMES.findall(first.partition(":")[0]))
    return found


def run(folder: Path, with_long: bool) -> dict[str, dict[str, int]]:
    """By module, how many tests passed, failed and were skipped. What cannot even be imported has failed."""
    results = {path.stem: {"passed": 0, "failed": 0, "skipped": 0} for path in folder.glob("test_*.py")}
    with tempfile.TemporaryDirectory() as place:
        written = Path(place) / "results.xml"
        which = ["-m", "long or not long"] if with_long else []
        where = ["-c", str(ROOT / "pyproject.toml"), str(folder)]
        command = [sys.executable, "-m", "pytest", *where, *which, f"--junitxml={written}"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        # The tests' own words go where errors go, so that the table stands alone.
        print(done.stdout, file=sys.stderr)
        cases = ElementTree.parse(written).iter("testcase") if written.exists() else ()
        for case in cases:
            names = f"{case.get('classname', '')}.{case.get('name', '')}".split(".")
            module = next((name for name in names if name in results), None)
            if module is not None:
                results[module][outcome(case)] += 1
    return results


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"
