"""What a table to export is: columns with their kinds, and the rows that one record of the store becomes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

ColumnKind = Literal["text", "number", "whole", "truth", "time", "date"]
"""A time is milliseconds since 1970 in UTC, a date days since then."""
Value = str | float | int | bool | None
Row = tuple[Value, ...]

Record_contra = TypeVar("Record_contra", contravariant=True)


class Column(NamedTuple):
    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class Table(Generic[Record_contra]):
    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Record_contra], Iterable[Row]]


def columns(**kinds: ColumnKind) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in kinds.items())


def number(values: Mapping[str, Any], name: str) -> float | None:
    """None where it is missing, and where a stored document holds something else in its place."""
    value = values.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
