"""What must be true of every table that can be exported."""

from typing import Any

import pytest

from ml_service.domain.exports import TABLES
from ml_service.domain.exports.performance import Standing, ToldDay
from ml_service.domain.exports.table import Table
from ml_service.domain.learner import Adaptation
from ml_service.domain.outcomes import OutcomeWithMarks, StoredOutcome
from ml_service.domain.performance.tally import Tally
from tests.builders import NOW_MS, decision, outcome

ESTIMATE = {"count": 3, "mean": 0.5, "low": 0.1, "high": 0.9}
MOVED = {
    "parameter": "rsi_threshold",
    "before": 70.0,
    "after": 69.0,
    "target": 60.0,
    "bounded_by": "daily step",
    "flipped": 2,
    "on_the_way": ESTIMATE,
    "counterfactual_share": 0.5,
    "sentence": "3 signals lost.",
}
RECORDS: dict[str, Any] = {
    "decisions": decision(),
    "outcomes": OutcomeWithMarks(StoredOutcome(outcome(), NOW_MS, "none", None, None), None, None, None),
    "adaptations": Adaptation("ada", "a-1", "*", NOW_MS, "moved", 0, 1, {"moved": [MOVED, MOVED]}),
    "performance": ToldDay(20_000, Tally(), Standing()),
}
KINDS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "number": (int, float),
    "whole": int,
    "truth": bool,
    "time": int,
    "date": int,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_row_has_a_value_of_its_kind_for_every_column(table: Table[Any]) -> None:
    rows = list(table.rows(RECORDS[table.name]))

    assert rows
    for row in rows:
        for column, value in zip(table.columns, row, strict=True):
            assert value is None or isinstance(value, KINDS[column.kind]), column


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_columns_have_names_of_their_own_and_begin_with_when(table: Table[Any]) -> None:
    names = [column.name for column in table.columns]

    assert len(set(names)) == len(names)
    assert table.columns[0].kind in ("time", "date")
    assert TABLES[table.name] is table  # type: ignore[index]
