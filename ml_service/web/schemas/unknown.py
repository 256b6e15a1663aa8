"""Unknown fields: kept for the record, unless they are very large or nested without end."""

from typing import Any

import orjson

from ml_service.errors import InvalidInput

UNKNOWN_BYTES_MAX = 16_384
UNKNOWN_NAMES_MAX = 200
NESTING_MAX = 64


def kept_unknown(fields: dict[str, Any]) -> dict[str, Any]:
    """Unknown fields for the record; where they are very large, their names alone."""
    if not fields:
        return fields
    if depth(fields) > NESTING_MAX:
        raise InvalidInput.at(next(iter(fields)), f"expected at most {NESTING_MAX} levels of nesting")
    if len(orjson.dumps(fields)) > UNKNOWN_BYTES_MAX:
        return dict.fromkeys(list(fields)[:UNKNOWN_NAMES_MAX])
    return fields


def depth(value: object) -> int:
    """How many objects and arrays stand inside each other; counted level by level, so any depth will do."""
    level, count = [value], 0
    while level:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        count += 1
    return count - 1
