"""What a set, or one model in whatever sets it spoke, was worth on what really happened."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.report.report import ModelReport
from ml_service.domain.models.report.report import model_report as report_of
from ml_service.domain.models.report.resolved import MemberName
from ml_service.domain.models.sets import ModelSet
from ml_service.errors import ModelRefused, NotFound
from ml_service.ports import Reading, Store

PREDICTIONS_MAX = 10_000
DECISIONS_MAX = 10_000
"""Looked at to tell how often the models were silent."""


@dataclass(frozen=True, slots=True)
class FoundReport:
    id: str
    kind: Literal["set", "model"]
    since_ms: int
    until_ms: int
    sets: tuple[str, ...]
    """Those whose predictions it is made of."""
    report: ModelReport


def model_report(id_: str, *, since_ms: int, until_ms: int, store: Store) -> FoundReport:
    with store.read() as reading:
        record, model = reading.model_set(id_), reading.model(id_)
        if record is None and model is None:
            raise NotFound(f"no model or set {id_!r}")
        sets = (id_,) if record is not None else tuple(reading.sets_of_model(id_))
        read = reading.resolved(sets, since_ms, until_ms, PREDICTIONS_MAX) if sets else ()
        statuses = statuses_of(sets, since_ms, until_ms, reading)
    if record is None:
        assert model is not None
        only = MemberName(model.slot.model_type, model.version)
        return FoundReport(id_, "model", since_ms, until_ms, sets, report_of(read, only=only, statuses=statuses))
    models = opened(record)
    members = [MemberName(one.model_type, one.version) for one in models.members] if models is not None else None
    weights = models.weights if models is not None else None
    report = report_of(read, members=members, weights=weights, statuses=statuses)
    return FoundReport(id_, "set", since_ms, until_ms, sets, report)


def opened(record: SetRecord) -> ModelSet | None:
    """None where its document cannot be read: what it said is in the decisions all the same."""
    try:
        return record.opened().models
    except ModelRefused:
        return None


def statuses_of(sets: Sequence[str], since_ms: int, until_ms: int, reading: Reading) -> Mapping[str, int]:
    """While one of the sets was champion of its place. A decision without a forecast names no set, so where a nearer
    set was silent as well, its silence is counted here too."""
    found: Counter[str] = Counter()
    for set_id in sets:
        for reign, ended_ms in reversed(reading.reigns_of_set(set_id)):
            begin, end = max(since_ms, reign.since_ms), min(until_ms, ended_ms if ended_ms is not None else until_ms)
            left = DECISIONS_MAX - found.total()
            if begin < end and left > 0:
                found.update(reading.model_statuses(set_id, reign.place, begin, end, left))
    return found
