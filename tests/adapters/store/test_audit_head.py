"""The head of the audit chain, kept outside the database."""

from pathlib import Path

import pytest

from ml_service.adapters.store.audit_head import AuditHead


def test_the_newest_head_is_recalled(tmp_path: Path) -> None:
    AuditHead(tmp_path).remember(1, "a" * 64)
    AuditHead(tmp_path).remember(2, "b" * 64)

    assert AuditHead(tmp_path).recall() == (2, "b" * 64)


@pytest.mark.parametrize("content", [None, "", "nonsense", "x y z", "one two"])
def test_a_head_that_cannot_be_read_is_no_head(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "audit.head").write_text(content)

    assert AuditHead(tmp_path).recall() is None


def test_every_head_goes_into_the_log_as_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        AuditHead(tmp_path).remember(7, "c" * 64)

    assert f"audit head 7 {'c' * 64}" in caplog.text


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    AuditHead(tmp_path / "nowhere").remember(1, "a" * 64)

    assert "could not be written" in caplog.text
