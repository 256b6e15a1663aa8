"""The Flask application over its parts."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from flask_cors import CORS

from ml_service.web import envelope, problems
from ml_service.web.blueprints import BLUEPRINTS
from ml_service.web.parts import Parts


class Sidecar(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """All views here are plain functions; asking each time whether one is not costs more than it tells."""
        return func

    def make_default_options_response(self) -> Response:
        response = super().make_default_options_response()
        # It has no body; the framework's default would call it HTML.
        del response.headers["Content-Type"]
        return response


def create_app(parts: Parts) -> Flask:
    app = Sidecar("ml_service", static_folder=None)
    app.url_map.strict_slashes = False
    # A doubled slash is another address, and unknown: no redirects here, whose page would be HTML.
    app.url_map.merge_slashes = False
    app.extensions["parts"] = parts
    problems.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    # Asks every route for its contract: one that does not say who may call it does not start.
    envelope.register(app, parts)
    if parts.cors_origins:
        CORS(app, origins=list(parts.cors_origins))
    return app
