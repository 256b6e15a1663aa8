"""Health: is the process alive, is it ready, how is it doing?"""

from typing import Any

from flask import Blueprint, Response

from ml_service.errors import NotFound
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.wire import ok

health = Blueprint("health", __name__)


@health.get("/livez")
@contract("public", "free", answer="The process answers.")
def livez() -> Response:
    """Alive: 200 as long as the process can answer at all."""
    return ok({"alive": True})


@health.get("/readyz")
@contract("public", "free", answer="Whether new requests should come here.")
def readyz() -> Response:
    """Ready: 503 while the process is going down."""
    draining = parts().is_draining()
    return ok({"ready": not draining, "draining": draining}, 503 if draining else 200)


@health.get("/health")
@contract("public", "free", answer="How the service is doing; in short form without a key.")
def get_health() -> Response:
    """How the service is doing. Always 200: what is wrong stands in the body."""
    full = parts().health()
    caller = current().caller
    if caller is None or caller.scope not in ("service", "admin"):
        return ok(short(full))
    return ok(full)


def short(full: dict[str, Any]) -> dict[str, Any]:
    return {name: full[name] for name in ("status", "mode", "version", "degraded")}


@health.get("/metrics")
@contract("metrics", "free", answer="Prometheus text.")
def metrics() -> Response:
    """Prometheus metrics of all processes of this host."""
    if not parts().live.metrics_enabled:
        raise NotFound("metrics are switched off in the settings")
    return Response(parts().telemetry.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")
