"""Canonical JSON: the same content is the same text, so that it can be signed and compared."""

import json
from collections.abc import Mapping
from typing import Any

from ml_service.errors import ModelRefused


def canonical(document: Mapping[str, Any]) -> str:
    """A number that is none has no place in it."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def document_from(text: str, kind: str) -> dict[str, Any]:
    """`ModelRefused` where the text is no document of that kind."""
    try:
        document = json.loads(text)
    except ValueError:
        raise ModelRefused(f"the document of a {kind}: expected JSON") from None
    found = document.get("document") if isinstance(document, dict) else None
    if found != kind:
        raise ModelRefused(f"expected the document of a {kind}, found {found!r}")
    return dict(document)
