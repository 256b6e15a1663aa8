"""What differs between two settings, and what of it a running process cannot take over."""

from ml_service.settings.fields import flat
from ml_service.settings.model import Settings

FIXED = (
    "environment",
    "data_dir",
    "server.",
    "database.",
    "security.trusted_network",
    "security.cors_origins",
    "security.signing_key",
    "models.",
    "recording.journal_wait_ms",
    "recording.outcome_wait_ms",
    "recording.unrecorded_rows_max",
    "recording.decision_sync",
    "retention.",
    "trades.",
    "logging.format",
    "logging.file_path",
    "logging.max_file_bytes",
    "logging.backup_count",
    "redis.",
    "notify.",
)
"""Read once at the start. A dot at the end stands for the whole group."""


def changed_paths(old: Settings, new: Settings) -> tuple[str, ...]:
    before, after = flat(old), flat(new)
    return tuple(sorted(path for path in before if before[path] != after[path]))


def needs_restart(old: Settings, new: Settings) -> tuple[str, ...]:
    return tuple(path for path in changed_paths(old, new) if is_fixed(path))


def is_fixed(path: str) -> bool:
    return any(path.startswith(name) if name.endswith(".") else path == name for name in FIXED)
