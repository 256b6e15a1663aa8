"""The head of the audit chain, remembered outside the database: a cut-off end cannot hide."""

import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)


class AuditHead:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "audit.head"

    def remember(self, sequence: int, digest: str) -> None:
        # The log keeps every head, this file the newest; a reader needs either.
        logger.info("audit head %d %s", sequence, digest)
        known = self.recall()
        if known is not None and known[0] >= sequence:
            # Another process has gone on already.
            return
        try:
            written = self._path.with_suffix(f".{os.getpid()}")
            written.write_text(f"{sequence} {digest}\n")
            written.replace(self._path)
        except OSError as error:
            logger.warning("the audit head could not be written: %s", error)

    def recall(self) -> tuple[int, str] | None:
        try:
            sequence, digest = self._path.read_text().split()
            return int(sequence), digest
        except (OSError, ValueError):
            return None
