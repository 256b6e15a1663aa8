"""What steers the service: a preset, a file and the environment over defaults, as one frozen value."""

from ml_service.settings.changes import changed_paths, needs_restart
from ml_service.settings.loading import load_settings
from ml_service.settings.model import Settings
from ml_service.settings.starting import check, has_admin_key, unsafe_start, weak_admin_key

__all__ = [
    "Settings",
    "changed_paths",
    "check",
    "has_admin_key",
    "load_settings",
    "needs_restart",
    "unsafe_start",
    "weak_admin_key",
]
