"""Where the processes of this host keep their counts, so that any of them can add them up.

The Prometheus library chooses its storage when it is imported, so this is set before, and apart from it.
"""

import os
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare_folder(folder: Path) -> None:
    """Called once by whoever starts the processes: the files of earlier runs would be added to ours."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)
    os.environ[FOLDER_VARIABLE] = str(folder)
