"""Priority: long work steps back behind whoever decides on this host."""

import os


def step_back(niceness: int) -> None:
    """At least so far; who was started farther back stays there, as only root may come forward."""
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
