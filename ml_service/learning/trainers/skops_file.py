"""skops files: an estimator of scikit-learn and its header, without code.

Equal estimators make files that are equal byte for byte.
"""

import io
import json
import zipfile
from typing import Any

import numpy as np
import skops.io

from ml_service.errors import ModelRefused
from ml_service.learning.trainers.header import Header, header_of

TRUSTED = ("sklearn.tree._tree.Tree",)
"""Types that a file may name besides those that skops takes for harmless."""

UNPACKED_BYTES_MAX = 512 * 1024 * 1024

NO_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip file can tell."""


def packed(header: Header, estimator: Any) -> bytes:
    return canonical(skops.io.dumps({"header": header.written(), "estimator": estimator}))


def unpacked(content: bytes, model: str) -> tuple[Header, Any]:
    """`ModelRefused` where it is no such file, or names a type that is not on the list."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > UNPACKED_BYTES_MAX:
            raise ModelRefused(f"expected at most {UNPACKED_BYTES_MAX} bytes, found {size}")
        untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
        if untrusted:
            raise ModelRefused(f"expected types from the list, found {', '.join(untrusted)}")
        found = skops.io.loads(content, trusted=list(TRUSTED))
    except ModelRefused:
        raise
    # What a damaged file makes of skops is not foretold: KeyError, BadZipFile, TypeError, …
    except Exception as error:
        raise ModelRefused(f"expected a skops file of a {model} model, found one that cannot be read") from error
    if not isinstance(found, dict) or set(found) != {"header", "estimator"}:
        raise ModelRefused(f"expected a skops file of a {model} model, found another")
    return header_of(found["header"], model), found["estimator"]


def canonical(content: bytes) -> bytes:
    """skops names everything by its address in memory, and zip files carry the time: neither stays."""
    told = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(told, "w") as after:
        schema = json.loads(before.read("schema.json"))
        names = Renaming()
        names.walk(schema)
        for old, new in names.files.items():
            add(after, new, without_gaps(before.read(old)))
        add(after, "schema.json", json.dumps(schema, sort_keys=True).encode())
    return told.getvalue()


def without_gaps(content: bytes) -> bytes:
    """The nodes of a tree are records with gaps between their fields, in which anything may stand."""
    records = np.load(io.BytesIO(content), allow_pickle=False)
    if records.dtype.names is None:
        return content
    told = np.zeros(records.dtype.itemsize, bool)
    for kind, offset, *_ in (records.dtype.fields or {}).values():
        told[offset : offset + kind.itemsize] = True
    header, body = content[: -records.nbytes], content[-records.nbytes :]
    # NumPy would fill the gaps anew when it writes the records.
    clean = np.frombuffer(body, np.uint8).reshape(-1, told.size) * told
    return header + clean.astype(np.uint8).tobytes()


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, NO_DATE)
    archive.writestr(member, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=6)


class Renaming:
    """Numbers in the order of first mention, in the place of addresses."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.ids: dict[int, int] = {}
        self.fresh = 0

    def walk(self, node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                self.walk(each)
        elif isinstance(node, dict):
            if "__id__" in node:
                node["__id__"] = self.numbered(node)
            if isinstance(file := node.get("file"), str):
                node["file"] = self.files.setdefault(file, f"{len(self.files)}.npy")
            for _, each in sorted(node.items()):
                self.walk(each)

    def numbered(self, node: dict[str, Any]) -> int:
        # Whether two equal numbers are one object is chance; nothing depends on it, as they never change.
        if node.get("__loader__") == "JsonNode" or node["__id__"] not in self.ids:
            self.fresh += 1
            number = self.fresh
            if node.get("__loader__") != "JsonNode":
                self.ids[node["__id__"]] = number
            return number
        return self.ids[node["__id__"]]
