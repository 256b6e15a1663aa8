"""TA-Lib for arrays alone. By itself it pulls pandas, wherever that is installed, into whoever imports it."""

import sys
from typing import Any

FRAMES = ("pandas", "polars")


def imported() -> Any:
    hidden = [name for name in FRAMES if name not in sys.modules]
    # What stands in the list of modules as None is, to an import, not installed.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import talib
    finally:
        for name in hidden:
            del sys.modules[name]
    return talib


talib = imported()
