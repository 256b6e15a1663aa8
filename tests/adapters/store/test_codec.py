"""What is written of a decision is what is read of it."""

from dataclasses import replace

import orjson
import pytest

from ml_service.adapters.store.codec import CODES, decision_from, decision_row
from ml_service.domain.types import Reason, Verdict
from tests.builders import rejected, taken


@pytest.mark.parametrize("decision", [taken("d-1"), rejected("d-2")], ids=["taken", "rejected"])
def test_reasons_survive_the_way_to_the_row_and_back(decision) -> None:
    assert decision_from(decision_row(decision)).verdict == decision.verdict


@pytest.mark.parametrize(("parameter", "verdict"), sorted(CODES))
def test_a_reason_of_the_gate_is_kept_without_its_code(parameter: str, verdict: str) -> None:
    reason = Reason(CODES[parameter, verdict], verdict, parameter, 1.5, 2.0)  # type: ignore[arg-type]
    decision = replace(taken("d-1"), verdict=Verdict("take", "all_passed", (reason,)))

    row = decision_row(decision)

    assert orjson.loads(row["result"])["reasons"] == [[parameter, verdict, 1.5, 2.0]]
    assert decision_from(row).verdict.reasons == (reason,)


@pytest.mark.parametrize(
    "reason",
    [Reason("kill_switch", "fail"), Reason("a_code_of_a_later_rule", "fail", "rsi_threshold", 80.0, 70.0)],
    ids=lambda reason: reason.code,
)
def test_any_other_code_is_kept_as_it_is(reason: Reason) -> None:
    decision = replace(taken("d-1"), verdict=Verdict("reject", "limit_missed", (reason,)))

    assert decision_from(decision_row(decision)).verdict.reasons == (reason,)
