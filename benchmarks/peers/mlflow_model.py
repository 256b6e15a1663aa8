"""Saves the graph as MLflow wants it: python mlflow_model.py GRAPH FOLDER; then `mlflow models serve`."""

import sys

import mlflow.onnx
import onnx

if __name__ == "__main__":
    options = {"intra_op_num_threads": 1, "execution_mode": "sequential"}
    mlflow.onnx.save_model(onnx.load(sys.argv[1]), sys.argv[2], onnx_session_options=options)
