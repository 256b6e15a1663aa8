"""An ONNX file, opened and ready to be asked."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_service.adapters.inference.contents import check_contents
from ml_service.domain.models.speaking import Figures
from ml_service.errors import ModelRefused, TooSlow

BYTES_MAX = 256 << 20
ROWS, RISES, DISTANCE = "rows", "rises", "distance"
CPU = "CPUExecutionProvider"
QUIET = 4
"""What goes wrong is raised; the library need not write it on stderr as well."""


class OnnxGraph:
    def __init__(self, session: Any) -> None:
        self._session = session
        self._outputs = [one.name for one in session.get_outputs()]
        self.shape: tuple[int | str | None, ...] = tuple(session.get_inputs()[0].shape)
        """Batch, rows, features, as the file declares them."""

    def run(self, rows: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return dict(zip(self._outputs, self._session.run(self._outputs, {ROWS: rows}), strict=True))

    def run_within(self, rows: NDArray[np.float32], seconds: float) -> Mapping[str, NDArray[np.float32]]:
        """`TooSlow` where it takes longer; it is ended after the operator that it is at."""
        import onnxruntime

        asked = onnxruntime.RunOptions()
        asked.log_severity_level = QUIET
        watch = threading.Timer(seconds, setattr, (asked, "terminate", True))
        watch.daemon = True
        watch.start()
        try:
            return dict(zip(self._outputs, self._session.run(self._outputs, {ROWS: rows}, asked), strict=True))
        except Exception as error:
            if asked.terminate:
                raise TooSlow(
                    f"expected a graph that runs within {seconds:g} s, found one that does not end"
                ) from error
            raise
        finally:
            watch.cancel()

    @property
    def provider(self) -> str:
        """What really runs it, whatever was wished for."""
        return str(self._session.get_providers()[0])


def open_graph(content: bytes, providers: Sequence[str] = (CPU,), bytes_max: int = BYTES_MAX) -> OnnxGraph:
    """`ModelRefused` where the file is none, or asks for more than this service gives."""
    if len(content) > bytes_max:
        raise ModelRefused(f"expected a graph of at most {bytes_max} bytes, found {len(content)}")
    check_contents(content)
    # A service without models, and a command that asks none, do without the library.
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(content, options(), providers=list(providers))
    except Exception as error:
        # The library raises one class for each of its statuses, and a few of Python's own.
        raise ModelRefused(f"the graph cannot be opened: {error}") from error
    inputs = [one.name for one in session.get_inputs()]
    if inputs != [ROWS] or session.get_inputs()[0].type != "tensor(float)":
        raise ModelRefused(f"expected a graph with the one input {ROWS} of 32-bit floats, found {inputs}")
    return OnnxGraph(session)


def options() -> Any:
    import onnxruntime

    made = onnxruntime.SessionOptions()
    # Requests run side by side: each on its own thread, none waiting for a pool.
    made.intra_op_num_threads = made.inter_op_num_threads = 1
    made.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    made.log_severity_level = 3
    return made


def figures_of(graph: OnnxGraph, windows: NDArray[np.float32]) -> list[Figures]:
    """Of the graph of a set: [question, row, feature]."""
    told = graph.run(windows)
    return [
        Figures(tuple(rises), distance)
        for rises, distance in zip(told[RISES].tolist(), told[DISTANCE].tolist(), strict=True)
    ]
