"""Commands are typed as their user types them, in a folder of their own."""

import os
from pathlib import Path

import pytest

from ml_service.cli.main import main
from tests.cli.desk import Ended, Type


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, and nothing of the test run's environment."""
    for name in list(os.environ):
        if name not in ("PATH", "HOME", "LANG", "TMPDIR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ENVIRONMENT", "testing")
    monkeypatch.setenv("ML_SERVICE_DATA_DIR", str(tmp_path / "data"))
    # A command is a process of its own; here it must not change the priority of the test run.
    monkeypatch.setattr(os, "setpriority", lambda *_: None)
    return tmp_path / "data"


@pytest.fixture
def typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Type:
    def run(*words: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        printed = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0 if code is None else 1, printed.out, printed.err)

    return run
