"""models: listed, shown, promoted, rolled back, retired and verified from the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.signing_key import load_signing_key
from ml_service.domain.models.slots import Place
from ml_service.settings import load_settings
from tests.cli.desk import Type, store_of
from tests.domain.models.report.rows import GOOD, INVERTED, USELESS
from tests.migrated import migrated
from tests.models import Registry, finished
from tests.spoken import speak


@pytest.fixture
def registry(folder: Path) -> Iterator[Registry]:
    settings = load_settings()
    migrated(settings.database_url)
    database, store = store_of(settings)
    yield Registry(store, FolderShelf(folder / "shelf", 1_000_000), key=load_signing_key(folder, None))
    database.close()


def test_models_are_listed_and_shown(typed: Type, registry: Registry) -> None:
    assert typed("models", "list").out == "no such models\n"
    record = registry.register("first", finished("first", seeds=[7]))
    model_id = record.opened().models.members[0].model_id

    listed = typed("models", "list", "--type", "xgboost", "--status", "SHADOW").out
    shown = json.loads(typed("models", "show", model_id).out)

    assert listed.split() == [model_id, "xgboost", "v1", "BTCUSDT/*", "SHADOW"]
    assert typed("models", "list", "--symbol", "ETHUSDT").out == "no such models\n"
    assert (shown["model_id"], shown["manifest"]["seeds"]) == (model_id, [7])
    assert list(shown["sets"]) == [record.set_id]
    assert typed("models", "show", "nobody").status == 1


def test_a_list_understands_its_status_and_says_that_there_is_more(typed: Type, registry: Registry) -> None:
    registry.register("first")

    assert len(typed("models", "list", "--status", "shadow").out.splitlines()) == 2
    assert typed("models", "list", "--limit", "1").out.splitlines()[1].startswith("… and more: --limit")
    refused = typed("models", "list", "--status", "sleeping")
    assert refused.status == 2
    assert 'found "sleeping"' in refused.err


def test_sets_are_promoted_and_rolled_back(typed: Type, registry: Registry) -> None:
    first, second = registry.register("first").set_id, registry.register("second").set_id

    said = [
        typed("models", "promote", first).out,
        typed("models", "promote", "--type", "logistic", "--symbol", "BTCUSDT").out,
        typed("models", "promote", second).out,
        typed("models", "rollback", "--symbol", "BTCUSDT", "--set", second, "--reason", "it lost").out,
        typed("models", "rollback", "--symbol", "BTCUSDT", "--set", second).out,
        typed("models", "rollback", "--symbol", "BTCUSDT", "--set", first).out,
        typed("models", "rollback", "--symbol", "btc/usdt", "--set", first).out,
    ]

    assert said == [
        f"set {first} serves BTCUSDT/*\nNo test has told what it is worth.\n",
        f"set {second} serves BTCUSDT/*\nNo test has told what it is worth.\n",
        f"set {second} served BTCUSDT/* already\nNo test has told what it is worth.\n",
        f"set {first} serves BTCUSDT/* again\n",
        f"set {first} serves BTCUSDT/* already\n",
        "nobody serves BTCUSDT/* any more\n",
        "nobody serves BTCUSDT/* already\n",
    ]


def test_symbols_and_regimes_are_typed_as_over_http(typed: Type, registry: Registry) -> None:
    place = Place("BTCUSDT", "sideways")
    record = registry.register("first", finished("first", place=place), place=place)

    said = typed("models", "promote", "--type", "xgboost", "--symbol", "btc/usdt", "--regime", "ranging")

    assert said.out.splitlines()[0] == f"set {record.set_id} serves BTCUSDT/sideways"
    assert len(typed("models", "list", "--symbol", "btc-usdt", "--regime", "Ranging").out.splitlines()) == 1
    for words in (("--regime", "stormy"), ("--symbol", "?")):
        assert typed("models", "rollback", *words).status == 2


def test_a_model_is_retired_unless_it_serves(typed: Type, registry: Registry) -> None:
    record = registry.register("first")
    serving, _ = (member.model_id for member in record.opened().models.members)
    shadow = registry.register("second").opened().models.members[0].model_id
    registry.promote(record.set_id)

    assert typed("models", "retire", shadow, "--reason", "no use").out == f"model {shadow} is retired\n"
    assert typed("models", "retire", shadow).out == f"model {shadow} is retired already\n"
    refused = typed("models", "retire", serving)
    assert refused.status == 1
    assert refused.err.startswith("last_active: ")


@pytest.mark.parametrize("words", [("promote",), ("promote", "a-set", "--type", "lstm")])
def test_a_promotion_wants_a_set_or_a_type(typed: Type, words: tuple[str, ...]) -> None:
    assert typed("models", *words).status == 2


def test_everything_that_was_signed_is_verified(typed: Type, registry: Registry, folder: Path) -> None:
    first = registry.register("first")
    registry.register("second")

    whole = typed("models", "verify")
    (folder / "shelf" / first.graph_sha256[:2] / first.graph_sha256).write_bytes(b"First graph")
    damaged = typed("models", "verify")
    (folder / "signing.key").write_bytes(b"another key, of somebody else")
    foreign = typed("models", "verify")

    assert (whole.status, whole.out) == (0, "4 models and 2 sets checked, 0 refused\n")
    assert damaged.status == 1
    assert f"set {first.set_id}: file {first.graph_sha256} was changed" in damaged.out
    assert foreign.status == 1
    assert foreign.out.count("expected the signature of key") == 6


def test_a_set_is_weighed_anew_by_what_became_of_its_predictions(typed: Type, registry: Registry) -> None:
    names = [one.model_type for one in (GOOD, USELESS, INVERTED)]
    # By the clock of the command, which is the real one.
    registry.now_ms = 1_700_000_000_000
    record = registry.register("first", *(finished("first", name) for name in names))
    database, _ = store_of(load_settings())
    speak(database, record.set_id, 250, begin_ms=registry.now_ms)
    database.close()

    said, again = (typed("models", "reweigh", record.set_id).out.splitlines() for _ in range(2))

    made = said[-1].split()[3].rstrip(";")
    assert said[0] == "250 episodes in 250 resolved predictions"
    assert said[1].startswith(
        "weights in * (xgboost forest logistic): 0.333 0.333 0.333 would become 0.375 0.375 0.250"
    )
    assert said[-2] == "calibration: as it was, for nothing says better"
    assert said[-1] == f"registered as set {made}; it serves once promoted"
    assert again[-1] == f"the same as set {made}; it serves once promoted"
    assert typed("models", "promote", made).status == 0


def test_a_set_without_evidence_is_not_weighed_anew(typed: Type, registry: Registry) -> None:
    refused = typed("models", "reweigh", registry.register("first").set_id)

    assert refused.status == 1
    assert refused.err.startswith("too_little_evidence: expected at least 200 episodes")
    assert "found 0 episodes in 0 resolved predictions" in refused.err


def test_a_report_is_told_in_lines_or_whole(typed: Type, registry: Registry) -> None:
    record = registry.register("first")

    lines = typed("models", "report", record.set_id).out.splitlines()
    whole = json.loads(typed("models", "report", record.set_id, "--days", "7", "--json").out)

    assert lines[0] == f"set {record.set_id}: 0 resolved predictions, 0 episodes, 0 of them marked to market"
    assert lines[-1] == "wait: expected at least 100 resolved predictions, found 0: wait"
    assert (whole["kind"], whole["set"], whole["proposed_weights"]) == ("set", None, None)
    assert typed("models", "report", "nobody").status == 1


def test_a_rollback_passes_over_what_cannot_serve_and_goes_to_nobody_when_asked(
    typed: Type, registry: Registry
) -> None:
    first, second, third = (registry.register(name) for name in ("first", "second", "third"))
    for record in (first, second, third):
        typed("models", "promote", record.set_id)
    registry.shelf.drop(second.graph_sha256)

    back = typed("models", "rollback", "--symbol", "BTCUSDT").out.splitlines()
    emptied = typed("models", "rollback", "--symbol", "BTCUSDT", "--to", "nobody").out

    assert back[0].startswith(f"passed over set {second.set_id}: expected file ")
    assert back[1:] == [f"set {first.set_id} serves BTCUSDT/* again"]
    assert emptied == "nobody serves BTCUSDT/* any more\n"


def test_a_set_is_promoted_at_its_own_place_alone(typed: Type, registry: Registry) -> None:
    set_id = registry.register("first").set_id

    refused = typed("models", "promote", set_id, "--regime", "volatile")

    assert refused.status == 1
    assert f"regime: expected *, where set {set_id} serves, found volatile" in refused.err
