"""LitServe, as its guide has it: WORKERS=… python lit.py PORT GRAPH."""

import os
import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime


class Graph(litserve.LitAPI):  # type: ignore[misc]  # it has no types here
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"])

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        rises, distance = self.session.run(["rises", "distance"], {"rows": np.array(request["rows"], np.float32)})
        return {"rises": rises.tolist(), "distance": distance.tolist()}


if __name__ == "__main__":
    litserve.LitServer(Graph(), accelerator="cpu", workers_per_device=int(os.environ["WORKERS"])).run(
        port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning"
    )
