"""How a worker is put together."""

from pathlib import Path

from ml_service.adapters.shared_page import SharedPage
from ml_service.adapters.store.audit_head import AuditHead
from ml_service.adapters.store.sql import Committed
from ml_service.worker.wiring import Announcer


def test_many_commits_are_announced_once(tmp_path: Path) -> None:
    mark = SharedPage(tmp_path / "shared.page").mark("generation")
    announcer = Announcer(mark, AuditHead(tmp_path))
    before = mark.value()

    announcer.announce()
    nothing_changed = mark.value()
    announcer.committed(Committed(1, (1, "a" * 64)))
    announcer.committed(Committed(2, None))
    not_yet = mark.value()
    announcer.announce()
    announced = mark.value()
    announcer.announce()

    assert before == nothing_changed == not_yet
    assert announced != before
    assert mark.value() == announced
    assert AuditHead(tmp_path).recall() == (1, "a" * 64)
