"""What the benchmarks compare with: the same service without recording, one that forgets figures, an empty view."""

from collections.abc import Sequence

from flask import Flask

from ml_service.domain.outcomes import Outcome, Receipt
from ml_service.domain.types import Decision, RecordedDecision


def create_recorded() -> Flask:
    from app import create_app

    return create_app()


def create_unrecorded() -> Flask:
    app = create_recorded()
    app.extensions["parts"].recorder = NoRecorder()
    return app


def create_remembering() -> Flask:
    return create_recorded()


def create_forgetful() -> Flask:
    """Runs the graph for every request."""
    app = create_recorded()
    app.extensions["parts"].forecaster._known = Nothing()
    return app


def create_native() -> Flask:
    from benchmarks.peers.native import create_native

    return create_native()


def create_empty() -> Flask:
    from ml_service.adapters.process import die_with_parent

    die_with_parent()
    app = Flask("empty")

    @app.post("/api/v1/evaluate/<user_id>")
    def evaluate(user_id: str) -> dict[str, bool]:
        return {"success": True}

    @app.get("/livez")
    def livez() -> dict[str, bool]:
        return {"alive": True}

    return app


class NoRecorder:
    """Says that everything was kept, and keeps nothing."""

    def record(
        self, decisions: Sequence[Decision], wait_ms: float, remaining_ms: float = 0.0
    ) -> list[RecordedDecision]:
        return [RecordedDecision("database") for _ in decisions]

    def keep(self, outcomes: Sequence[Outcome], now_ms: int) -> list[Receipt]:
        raise AssertionError("this benchmark sends no outcomes")


class Nothing(dict[object, object]):
    """Never knows what it was told."""

    def update(self, *told: object, **named: object) -> None:
        return None


if __name__ == "__main__":
    import sys

    from ml_service.cli.serve import serve
    from ml_service.cli.start import prepare
    from ml_service.settings import load_settings

    settings = load_settings()
    prepare(settings)
    serve(settings, f"benchmarks.apps:create_{sys.argv[1]}")
