"""Alerts as log lines: the channel that is always there."""

import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("alert")


class LogChannel:
    def alert(self, severity: str, what: str, facts: Mapping[str, Any]) -> None:
        level = logging.CRITICAL if severity == "critical" else logging.WARNING
        logger.log(level, "%s: %s", what, ", ".join(f"{name}={value}" for name, value in facts.items()))
