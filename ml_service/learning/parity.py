"""Parity: the file that serves says what the trained model says."""

from collections.abc import Mapping

import numpy as np

from ml_service.errors import ModelRefused
from ml_service.learning.examples import Rows
from ml_service.learning.trainers.spec import Trained
from ml_service.ports import OpenGraph

BATCHES = (1, 2, 7, 256)
APART_MAX = 1e-5
MISSING_SHARE = 0.1


def parity(trained: Trained, onnx: bytes, windows: Rows, open_graph: OpenGraph, seed: int = 0) -> Mapping[str, float]:
    """By batch size, how far apart they are at most; `ModelRefused` where that is too far."""
    graph = open_graph(onnx)
    return {str(size): apart(trained, graph.run(batch), batch) for size, batch in batches(windows, seed)}


def batches(windows: Rows, seed: int) -> list[tuple[int, Rows]]:
    """Real rows, drawn with replacement, some of their values taken away: those are missing one day."""
    random = np.random.default_rng(seed)
    found = []
    for size in BATCHES:
        batch = windows[random.integers(0, len(windows), size)].copy()
        batch[random.random(batch.shape) < MISSING_SHARE] = np.nan
        found.append((size, batch))
    return found


def apart(
    trained: Trained, served: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]], batch: Rows
) -> float:
    if "rises" not in served:
        raise ModelRefused(f"expected an output called rises, found {', '.join(served) or 'none'}")
    figures = served["rises"]
    if figures.shape != (len(batch),):
        raise ModelRefused(f"rises: expected shape ({len(batch)},), found {figures.shape}")
    own = trained.rises(batch)
    if not (np.isfinite(figures).all() and figures.min() >= 0.0 and figures.max() <= 1.0):
        raise ModelRefused("rises: expected numbers from 0 to 1, found others")
    found = float(np.max(np.abs(figures.astype(np.float64) - own.astype(np.float64))))
    if not found <= APART_MAX:
        raise ModelRefused(
            f"the file that serves and the model differ: expected at most {APART_MAX:g} in a batch of {len(batch)},"
            f" found {found:.3g}"
        )
    return found
