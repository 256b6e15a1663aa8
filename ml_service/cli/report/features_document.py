"""The report on features as a document: the same figures as on the page, for a program to read."""

from dataclasses import fields
from typing import Any

from ml_service.cli.report.features_figures import FeaturesReport
from ml_service.domain.market.regimes import REGIMES
from ml_service.domain.report.columns import QUANTILES


def document(report: FeaturesReport) -> dict[str, Any]:
    """Dataclasses inside are written field by field; times are milliseconds UTC; what is not known is null."""
    told = {one.name: getattr(report, one.name) for one in fields(report) if one.name != "picture"}
    return {
        **told,
        "stream": report.stream._asdict(),
        "quantiles": QUANTILES,
        "regime_names": REGIMES,
    }
