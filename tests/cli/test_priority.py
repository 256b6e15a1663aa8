"""Priority: back, and never forward."""

import os

import pytest

from ml_service.cli.priority import step_back


@pytest.mark.parametrize(("before", "after"), [(0, 10), (10, 10), (15, 15)])
def test_who_was_started_farther_back_stays_there(monkeypatch: pytest.MonkeyPatch, before: int, after: int) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "getpriority", lambda *_: before)
    monkeypatch.setattr(os, "setpriority", lambda which, who, niceness: asked.append(niceness))

    step_back(10)

    assert asked == [after]
