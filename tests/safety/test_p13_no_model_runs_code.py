"""P13: a model file cannot run code."""

import ast
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.signing_key import load_signing_key
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.slots import Place
from ml_service.errors import ModelRefused
from tests.migrated import migrated
from tests.models import FOREIGN_KEY, Registry
from tests.safety.callers import until
from tests.service import ROOT, Service

ADMIN_KEY = "the-admin-key-of-this-test"
ADMIN = {"X-Admin-Key": ADMIN_KEY}
UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}


class Harm:
    """Whoever unpickles it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "harm was done"))


class Watched(FolderShelf):
    """The real shelf; it remembers what was read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1_000_000)
        self.reads: list[str] = []

    def read(self, sha256: str) -> bytes:
        self.reads.append(sha256)
        return super().read(sha256)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service, web process and worker, with an operator's key; each test takes a symbol of its own."""
    environment = {"ML_SERVICE_ADMIN_KEY": ADMIN_KEY, "ML_SERVICE_TRUSTED_NETWORK": "127.0.0.0/8"}
    with Service(tmp_path_factory.mktemp("live"), "run", None, **environment) as running:
        yield running


@pytest.fixture
def registry(live: Service) -> Iterator[Registry]:
    """Beside the service, on its store, its shelf and its key, as a training is."""
    folder = live.folder / "data"
    database = Database(live.store_url)
    yield Registry(SqlStore(database), Watched(folder / "shelf"), key=load_signing_key(folder, None))
    database.close()


def promote(service: Service, set_id: str) -> tuple[int, dict[str, Any]]:
    answer = service.client.post("/api/v1/learning/models/promote", json={"set_id": set_id}, headers=ADMIN)
    return answer.status_code, answer.json()


def serving(service: Service, place: Place) -> list[str]:
    items = service.client.get("/api/v1/learning/champions", headers=ADMIN).json()["data"]["items"]
    return [item["set_id"] for item in items if item["symbol"] == place.symbol]


def path_of(service: Service, sha256: str) -> Path:
    return service.folder / "data" / "shelf" / sha256[:2] / sha256


def test_a_file_with_one_byte_changed_is_refused_the_old_model_stays_and_an_alert_is_raised(
    live: Service, registry: Registry
) -> None:
    place = Place("ONEBYTE")
    first, second = registry.register("first", place=place), registry.register("second", place=place)
    assert promote(live, first.set_id)[0] == 200
    path = path_of(live, second.graph_sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    status, problem = promote(live, second.set_id)

    assert (status, problem["code"]) == (422, "model_refused")
    assert serving(live, place) == [first.set_id]
    until(lambda: "model.refused: " in live.log.read_text(errors="replace"), 20, "an alert of the refusal")
    assert live.evaluate()["decision"] == "take"


def test_files_that_are_not_what_was_signed_are_refused_whatever_they_are(
    live: Service, registry: Registry, tmp_path: Path
) -> None:
    harm, place = tmp_path / "harm", Place("NOTSIGNED")
    of_another = registry.shelf.read(registry.register("another", place=place).graph_sha256)
    contents = {
        "a pickle": pickle.dumps(Harm(harm)),
        "an old pickle": pickle.dumps(Harm(harm), 0),
        "nothing": b"",
        "more": registry.shelf.read(registry.register("more", place=place).graph_sha256) + b"!",
        "another model's": of_another,
    }
    answers = {}
    for name, content in contents.items():
        record = registry.register(name, place=place)
        path_of(live, record.graph_sha256).write_bytes(content)
        answers[name] = promote(live, record.set_id)[0]

    assert answers == dict.fromkeys(contents, 422)
    assert serving(live, place) == []
    assert not harm.exists()


def test_a_document_of_another_key_is_refused_before_any_file_is_read(live: Service, registry: Registry) -> None:
    registry.key = FOREIGN_KEY
    record = registry.register("first", place=Place("FOREIGN"))
    path_of(live, record.graph_sha256).unlink()

    status, problem = promote(live, record.set_id)

    assert status == 422
    # Had the file been asked for first, its absence would be what is told.
    assert "expected the signature of key" in problem["error"]


def test_what_is_signed_by_another_key_or_names_another_row_is_never_read(tmp_path: Path) -> None:
    database = Database(migrated(f"sqlite:///{tmp_path / 'store.db'}"))
    shelf = Watched(tmp_path / "shelf")
    registry = Registry(SqlStore(database), shelf)
    foreign = Registry(registry.store, shelf, key=FOREIGN_KEY).register("foreign")
    ours = registry.register("ours")
    swapped = registry.register("swapped")
    swap(database, swapped, ours)
    shelf.reads.clear()

    for record in (foreign, swapped):
        with pytest.raises(ModelRefused):
            registry.promote(record.set_id)

    assert shelf.reads == []
    database.close()


def swap(database: Database, record: SetRecord, other: SetRecord) -> None:
    """The row of one set with the signed document of another."""
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE model_sets SET document = ?, signature = ? WHERE set_id = ?",
            (other.signed.text, other.signed.signature, record.set_id),
        )


def test_a_pickle_is_not_even_put_on_the_shelf(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "shelf", 1_000_000)

    with pytest.raises(ModelRefused, match="found a pickle"):
        shelf.put(pickle.dumps(Harm(tmp_path / "harm")))

    assert not (tmp_path / "harm").exists()


WATCHING = """
import sys
unpickled = []
sys.addaudithook(lambda event, arguments: unpickled.append(arguments) if event == "pickle.find_class" else None)
import pathlib, time
from ml_service.adapters.shelf.folder import FolderShelf
from tests.models import Registry
from tests.web.desk import ADMIN, opened

folder = pathlib.Path(sys.argv[1])
with opened(folder) as desk:
    use = desk.process.parts
    registry = Registry(use.store, use.shelf, time.time_ns() // 1_000_000, use.signing_key)
    first, second = registry.register("first"), registry.register("second")
    for record in (first, second):
        desk.admin("POST", "/api/v1/learning/models/promote", {"set_id": record.set_id})
    desk.evaluate("ada")
    desk.admin("POST", "/api/v1/learning/models/rollback", {"symbol": "BTCUSDT"})
    desk.evaluate("ada")
    desk.data("GET", f"/api/v1/learning/sets/{first.set_id}")
print("unpickled:", unpickled)
"""


def test_nothing_is_unpickled_while_models_are_promoted_rolled_back_and_served(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHING, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.stdout == "unpickled: []\n", done.stderr


def test_the_watch_sees_what_is_unpickled(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    (tmp_path / "harmful").write_bytes(pickle.dumps(Harm(harm)))
    program = WATCHING.partition("import pathlib")[0] + (
        "import pickle; pickle.load(open(sys.argv[1], 'rb')); print(len(unpickled) > 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "harmful")], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.stdout == "True\n", done.stderr
    assert harm.exists()


SOURCES = sorted((ROOT / "ml_service").rglob("*.py"))


def test_no_source_file_can_unpickle() -> None:
    found = {str(path.relative_to(ROOT)): flaws for path in SOURCES if (flaws := list(unpickling(path.read_text())))}

    assert len(SOURCES) > 300
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import joblib as quick",
        "from pickle import loads",
        "from joblib import load",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "pd.read_pickle(path)",
        "booster = __import__('pickle')",
    ],
)
def test_each_way_to_unpickle_would_be_found(line: str) -> None:
    assert list(unpickling(line))


def unpickling(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.partition(".")[0] in UNPICKLERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in UNPICKLERS:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from unpickling_call(node)


def unpickling_call(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    given = {one.arg: ast.unparse(one.value) for one in node.keywords if one.arg is not None}
    if called == "torch.load" and given.get("weights_only") != "True":
        yield ast.unparse(node)
    if called.endswith("read_pickle") or given.get("allow_pickle", "False") != "False":
        yield ast.unparse(node)
    if called in ("__import__", "import_module", "importlib.import_module") and node.args:
        named = node.args[0]
        if isinstance(named, ast.Constant) and str(named.value).partition(".")[0] in UNPICKLERS:
            yield ast.unparse(node)
