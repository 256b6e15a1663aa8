"""Before anything listens: what a start does on an empty folder, and while the database is away."""

from pathlib import Path

import pytest

from ml_service.adapters.local_copy import LocalCopy
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.schema import MARKET, STORE, is_current
from ml_service.cli import start
from ml_service.domain.view import Changes, View
from ml_service.errors import Misconfigured, StoreUnavailable
from ml_service.settings import Settings, load_settings
from tests.builders import HASH, policy, thresholds
from tests.ports import free_port
from tests.service import PATIENT, Service


def test_a_first_start_brings_up_both_databases(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with Service(tmp_path, "run", None, **PATIENT) as service:
        service.evaluate()

    for name, line in (("ml_service.db", STORE), ("market.db", MARKET)):
        database = Database(f"sqlite:///{tmp_path / 'data' / name}")
        assert is_current(database, line)
        database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Nobody listens where its database should be."""
    url = f"postgresql://ml@127.0.0.1:{free_port()}/ml"
    return load_settings({"DATABASE_URL": url, "ML_SERVICE_DATA_DIR": str(tmp_path)})


def keep(settings: Settings, url: str) -> None:
    LocalCopy(settings.data_dir, url).save(
        Changes("store", 1, (thresholds(),), full=True), -1, View(policy(), HASH, "store", 1)
    )


def test_a_copy_of_this_database_is_enough_to_start_with(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(settings, settings.database_url)

    start.prepare(settings)

    assert "starting from the last snapshot" in capsys.readouterr().err


def test_a_signing_key_that_others_can_read_stops_the_start(settings: Settings) -> None:
    keep(settings, settings.database_url)
    (settings.data_dir / "signing.key").write_bytes(b"k" * 32)
    (settings.data_dir / "signing.key").chmod(0o644)

    with pytest.raises(Misconfigured, match="readable by its owner alone, found mode 0644"):
        start.prepare(settings)


def test_a_copy_of_another_database_is_not(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "PATIENCE_SECONDS", 0.1)
    keep(settings, "postgresql://ml@127.0.0.1:1/former")

    with pytest.raises(StoreUnavailable):
        start.prepare(settings)
