"""`replay`: recorded decisions, executed again."""

import sys
from typing import Annotated

import typer

from ml_service.cli.moments import moment
from ml_service.settings import load_settings


def replay(
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, or a UTC time.")] = "24h",
    until: Annotated[str | None, typer.Option(help="Up to when; now if left out.")] = None,
    models: Annotated[
        bool, typer.Option("--models", help="Run the models again as well, where they are kept.")
    ] = False,
) -> None:
    """Execute recorded decisions again and name every one that comes out differently."""
    from ml_service.cli.wiring import open_graphs, open_market, open_models
    from ml_service.usecases.replay import Models, replay_between

    settings = load_settings()
    with open_models(settings) as tools, open_market(settings) as market:
        asked = Models(open_graphs(settings), market, tools.signing_key) if models else None
        since_ms = moment(since, tools.now_ms())
        until_ms = moment(until, tools.now_ms()) if until is not None else tools.now_ms() + 1
        total = different = 0
        for one in replay_between(since_ms, until_ms, store=tools.store, models=asked):
            total += 1
            if not one.equal:
                different += 1
                print(f"{one.decision.user_id}  {one.decision.decision_id}")
                for difference in one.differences:
                    print(f"    {difference}")
    print(f"{total} decisions executed again, {different} came out differently")
    sys.exit(1 if different else 0)
