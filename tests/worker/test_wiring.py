"""How a worker is put together."""

from pathlib import Path

import pytest

from ml_service.adapters.process import Stop
from ml_service.adapters.shared_page import SharedPage
from ml_service.adapters.store.audit_head import AuditHead
from ml_service.adapters.store.schema import MARKET
from ml_service.adapters.store.sql import Committed
from ml_service.adapters.telemetry import logs
from ml_service.domain.market.settlement import Costs
from ml_service.settings import load_settings
from ml_service.usecases.settle_signals import Rules
from ml_service.worker.wiring import Announcer, open_process, settlement_rules
from tests.migrated import migrated


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


def test_signals_are_settled_as_the_settings_say() -> None:
    settings = load_settings(
        {
            "ML_SERVICE__MARKET__VENUE": "Kraken",
            "ML_SERVICE__SETTLEMENT__HORIZON_MINUTES": "60",
            "ML_SERVICE__SETTLEMENT__SILENT_HOURS": "1.5",
            "ML_SERVICE__SETTLEMENT__FEE_PERCENT": "0.1",
            "ML_SERVICE__SETTLEMENT__SLIPPAGE_PERCENT": "0.05",
        }
    )

    assert settlement_rules(settings) == Rules(60, 1.5, Costs(0.1, 0.05), "kraken")
    assert settlement_rules(load_settings({})) == Rules()


def test_a_worker_finds_candles_in_their_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda *how: None)
    settings = load_settings({"ML_SERVICE_DATA_DIR": str(tmp_path)})
    migrated(settings.database_url)
    migrated(settings.market_url, MARKET)

    process = open_process(settings, Stop())

    assert process.parts.market.streams() == []
    assert process.parts.settles_by_itself
    process.close()
