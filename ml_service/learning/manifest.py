"""Manifests: all that it takes to know where a model comes from, and to make it again."""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ml_service import VERSION
from ml_service.learning.evaluation import Evaluation, Worth
from ml_service.learning.plan import Plan

LIBRARIES = (
    *("numpy", "onnx", "scikit-learn", "skops", "skl2onnx", "xgboost", "xgboost-cpu", "lightgbm", "onnxmltools"),
    "torch",
)
"""As they are installed: XGBoost comes in two packages."""


def versions() -> dict[str, str]:
    """Of this service, and of what is installed here."""
    found = {"ml_service": VERSION, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def plan_document(plan: Plan) -> dict[str, Any]:
    return {
        "stream": plan.stream._asdict(),
        "place": plan.place._asdict(),
        "source": plan.source,
        "label": {
            "kind": plan.label.kind,
            "horizon_bars": plan.label.horizon_bars,
            "horizon_minutes": plan.horizon_minutes,
            "barrier": plan.label.barrier if plan.label.kind == "triple_barrier" else None,
        },
        "costs": {"fee_percent": plan.costs.fee_percent, "slippage_percent": plan.costs.slippage_percent},
        "folds": plan.folds,
        "embargo_bars": plan.embargo,
        "seed": plan.seed,
        "threads": plan.threads,
        "search_trials": plan.trials,
    }


def file_document(content: bytes) -> dict[str, Any]:
    return {"sha256": sha256(content).hexdigest(), "size": len(content)}


def worth_document(worth: Worth) -> dict[str, Any]:
    return {**plain(worth), "has_skill": worth.has_skill}


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Without the single points of the curves."""
    return {
        "has_skill": evaluation.has_skill,
        "verdict": evaluation.verdict,
        "gain": plain(evaluation.gain),
        "together": worth_document(evaluation.together),
        "sides": plain(evaluation.sides),
        "folds": plain(evaluation.folds),
        "equities": [
            {"rule": one.rule, "trades": one.trades, "total_percent": one.total, "a_trade_percent": plain(one.a_trade)}
            for one in evaluation.equities
        ],
    }


def plain(content: Any) -> Any:
    """As JSON has it: what is no number is null."""
    if is_dataclass(content) and not isinstance(content, type):
        return plain(asdict(content))
    if isinstance(content, Mapping):
        return {str(name): plain(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.generic):
        return plain(content.item())
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
