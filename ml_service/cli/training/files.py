"""What a training made, as files in a folder: for a look at them, or to compare two trainings byte for byte."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_service.cli.files import refuse_place
from ml_service.learning.manifest import file_document, plain
from ml_service.learning.trained import Training


def write_files(training: Training, folder: Path) -> None:
    """All of them or none; the folder must not be there."""
    refuse_place(folder, force=False)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    part.mkdir(mode=0o700)
    try:
        for model in training.set.models:
            name = model.slot.model_type
            (part / f"{name}.native").write_bytes(model.native)
            (part / f"{name}.onnx").write_bytes(model.onnx)
            write_document(part / f"{name}.json", model.manifest)
        graph = graph_of(training)
        (part / "set.onnx").write_bytes(graph)
        write_document(part / "set.json", set_document(training, graph))
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def graph_of(training: Training) -> bytes:
    from ml_service.learning.merge import Part, merged

    found = training.set
    return merged([Part(model.onnx, model.rows_back) for model in found.models], found.near)


def set_document(training: Training, graph: bytes) -> dict[str, Any]:
    found = training.set
    return {
        "place": found.place._asdict(),
        "members": [model.slot.model_type for model in found.models],
        "weights": plain(found.weights),
        "rises": plain(found.rises),
        "falls": plain(found.falls),
        "schema_hash": found.schema_hash,
        "rows_back": found.rows_back,
        "distance_max": found.near.limit,
        "horizon_minutes": found.horizon_minutes,
        "graph": file_document(graph),
        "provenance": plain(found.provenance),
    }


def write_document(place: Path, document: Mapping[str, Any]) -> None:
    place.write_text(json.dumps(document, sort_keys=True, indent=1, allow_nan=False) + "\n", encoding="utf-8")
