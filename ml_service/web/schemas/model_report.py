"""The performance report of models, as it is asked for and told."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from ml_service.domain.models.report.report import MemberReport
from ml_service.domain.models.report.standing import Standing
from ml_service.usecases.model_report import FoundReport
from ml_service.web.schemas.fields import Query
from ml_service.web.wire import iso


class ReportQuery(Query):
    days: Annotated[float, Field(gt=0, le=3_660, allow_inf_nan=False)] = 30.0


def report_data(found: FoundReport) -> dict[str, Any]:
    """null is what is not known."""
    report = found.report
    return {
        "id": found.id,
        "kind": found.kind,
        "since": iso(found.since_ms),
        "until": iso(found.until_ms),
        "sets": list(found.sets),
        "predictions": report.predictions,
        "episodes": report.episodes,
        "marked_to_market": report.marked_to_market,
        "overlap": report.overlap,
        "first_at": iso(report.first_at_ms) if report.first_at_ms is not None else None,
        "last_at": iso(report.last_at_ms) if report.last_at_ms is not None else None,
        "percent": asdict(report.percent) if report.percent is not None else None,
        "set": standing_data(report.whole),
        "members": [member_data(one) for one in report.members],
        "proposed_weights": (
            {regime: asdict(one) for regime, one in report.proposal.items()} if report.proposal is not None else None
        ),
        "model_status": dict(report.statuses),
        "recommendations": [asdict(one) for one in report.recommendations],
    }


def member_data(member: MemberReport) -> dict[str, Any]:
    told = standing_data(member.standing)
    return {
        "type": member.name.model_type,
        "version": member.name.version,
        "weight": member.weight,
        **(told if told is not None else {"score": None, "by_regime": {}, "reliability": None, "trend": None}),
    }


def standing_data(standing: Standing | None) -> dict[str, Any] | None:
    return asdict(standing) if standing is not None else None
