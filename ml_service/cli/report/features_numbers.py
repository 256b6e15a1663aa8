"""How the report on features writes numbers: short, with a true minus, and never a stand-in for one not known."""

from ml_service.cli.report.page import figure
from ml_service.domain.statistics.estimate import Estimate


def percent(share: float | None, digits: int = 1) -> str:
    return "not known" if share is None else f"{100.0 * share:.{digits}f} %"


def known(value: float | None) -> str:
    return "not known" if value is None else figure(value)


def brief(value: float) -> str:
    return (f"{value:,.0f}" if abs(value) >= 1_000.0 else f"{value:.3g}").replace("-", "−")


def brief_signed(value: float | None) -> str:
    if value is None:
        return "not known"
    shown = f"{value:+.2f}"
    return shown[1:] if float(shown) == 0.0 else shown.replace("-", "−")


def estimated(estimate: Estimate | None, factor: float, digits: int) -> str:
    if estimate is None:
        return "not known"
    scaled = estimate.times(factor)
    shown = f"{scaled.value:.{digits}f}"
    if scaled.low is not None and scaled.high is not None:
        shown += f" ({scaled.low:.{digits}f} to {scaled.high:.{digits}f})"
    return shown.replace("-", "−")
