"""The table of contents: a new group of routes is one file here and one line below."""

from . import (
    adaptations,
    admin,
    decisions,
    docs,
    exports,
    health,
    jobs,
    kill_switch,
    market,
    models,
    outcomes,
    performance,
    reports,
    signals,
    thresholds,
)

BLUEPRINTS = (
    signals.signals,
    outcomes.outcomes,
    decisions.decisions,
    thresholds.thresholds,
    adaptations.adaptations,
    market.market,
    models.models,
    jobs.jobs,
    kill_switch.kill_switch,
    performance.performance,
    exports.exports,
    reports.reports,
    admin.admin,
    health.health,
    docs.docs,
)
