"""One table: which event wakes whom. Handlers are short and safe to repeat."""

from collections.abc import Callable, Mapping
from typing import Any

from ml_service.domain.events import (
    JournalConflictFound,
    KillSwitchTurned,
    ModelExpired,
    ModelPromoted,
    ModelRolledBack,
    ModelTurnedDown,
    OutcomeMatched,
    OutcomeReleased,
    OutcomeReported,
)
from ml_service.usecases.settle_signals import make_way
from ml_service.worker.parts import Parts

Handler = Callable[[Mapping[str, Any], Parts], None]


def tell_of_kill_switch(facts: Mapping[str, Any], parts: Parts) -> None:
    parts.notifier.alert("critical" if facts["on"] else "warning", KillSwitchTurned.kind, facts)


def tell_of_conflict(facts: Mapping[str, Any], parts: Parts) -> None:
    parts.notifier.alert("warning", JournalConflictFound.kind, facts)


def tell_of_champion(facts: Mapping[str, Any], parts: Parts) -> None:
    parts.notifier.alert("info", ModelPromoted.kind, facts)


def tell_of_rollback(facts: Mapping[str, Any], parts: Parts) -> None:
    parts.notifier.alert("warning", ModelRolledBack.kind, facts)


def tell_of_expiry(facts: Mapping[str, Any], parts: Parts) -> None:
    parts.notifier.alert("warning", ModelExpired.kind, facts)


def tell_of_refusal(facts: Mapping[str, Any], parts: Parts) -> None:
    parts.notifier.alert("critical", ModelTurnedDown.kind, facts)


def let_report_count(facts: Mapping[str, Any], parts: Parts) -> None:
    make_way(facts["user_id"], facts["trade_id"], rules=parts.settlement, store=parts.store)


HANDLERS: Mapping[str, tuple[Handler, ...]] = {
    KillSwitchTurned.kind: (tell_of_kill_switch,),
    JournalConflictFound.kind: (tell_of_conflict,),
    ModelPromoted.kind: (tell_of_champion,),
    ModelRolledBack.kind: (tell_of_rollback,),
    ModelExpired.kind: (tell_of_expiry,),
    ModelTurnedDown.kind: (tell_of_refusal,),
    OutcomeReported.kind: (let_report_count,),
    OutcomeReleased.kind: (let_report_count,),
    OutcomeMatched.kind: (let_report_count,),
}
