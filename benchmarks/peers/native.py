"""A plain Flask view that asks each library itself, one after another: what one would write on the first day."""

import os
from pathlib import Path

import numpy as np
from flask import Flask, request

from ml_service.learning.trainers import trainer


def create_native() -> Flask:
    from ml_service.adapters.process import die_with_parent

    die_with_parent()
    app = Flask("native")
    folder = Path(os.environ["NATIVE"])
    members = [trainer(path.stem.split("-")[1]).opened(path.read_bytes()) for path in sorted(folder.glob("*.native"))]

    @app.post("/predict")
    def predict() -> dict[str, object]:
        rows = np.array(request.get_json()["rows"], np.float32)
        figures = [float(member.rises(rows[:, -member.rows_back :])[0]) for member in members]
        return {"rises": figures, "probability": float(np.mean(figures))}

    @app.get("/livez")
    def livez() -> dict[str, bool]:
        return {"alive": True}

    return app
