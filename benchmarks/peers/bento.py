"""BentoML, as its guide has it: GRAPH=… WORKERS=… bentoml serve bento:Graph --port PORT."""

import os
from typing import Any

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=int(os.environ["WORKERS"]))
class Graph:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["GRAPH"], options, providers=["CPUExecutionProvider"])

    @bentoml.api  # type: ignore[untyped-decorator]  # it has no types here
    def predict(self, rows: list[Any]) -> dict[str, Any]:
        rises, distance = self.session.run(["rises", "distance"], {"rows": np.array(rows, np.float32)})
        return {"rises": rises.tolist(), "distance": distance.tolist()}
