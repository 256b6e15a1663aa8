"""The table of contents: a new table is one file here and one line below."""

from collections.abc import Mapping
from typing import Any, Literal

from ml_service.domain.exports import adaptations, decisions, outcomes, performance
from ml_service.domain.exports.table import Table

Kind = Literal["decisions", "outcomes", "adaptations", "performance"]

TABLES: Mapping[Kind, Table[Any]] = {
    "decisions": decisions.TABLE,
    "outcomes": outcomes.TABLE,
    "adaptations": adaptations.TABLE,
    "performance": performance.TABLE,
}
