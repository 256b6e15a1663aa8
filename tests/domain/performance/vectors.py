"""What empyrical, quantstats and scipy answered; tests/vectors/make_performance.py asked them."""

import json
from typing import Any

from tests.service import ROOT

VECTORS: dict[str, Any] = json.loads((ROOT / "tests/vectors/performance.json").read_text())
