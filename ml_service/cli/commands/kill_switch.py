"""`kill-switch`: no new risk, from this host."""

from typing import Annotated

import typer

from ml_service.settings import load_settings


def kill_switch(
    turn: Annotated[str, typer.Argument(help="on, off or status")] = "status",
    user: Annotated[str, typer.Option(help="One user; everybody if left out.")] = "*",
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "",
) -> None:
    """Stop all new risk, or allow it again; works on this host also while the database is away."""
    from ml_service.adapters.kill_file import LocalKillFile
    from ml_service.cli.wiring import open_store
    from ml_service.domain.types import Kill
    from ml_service.usecases import kill_switch as switch

    if turn not in ("on", "off", "status"):
        raise typer.BadParameter(f"expected on, off or status, found {turn}", param_hint="turn")
    settings = load_settings()
    file = LocalKillFile(settings.data_dir)
    # Not migrated first: the switch has to work while the database is away.
    with open_store(settings, migrated=False) as tools:
        if turn != "status":
            kill = Kill(user, turn == "on", reason, "command-line", tools.now_ms())
            stored = switch.turn(kill, store=tools.store, kill_file=file)
            print(f"{turn} for {user}" + ("" if stored else " on this host; the database hears of it when it is back"))
        state = file.read()
    for name, local in sorted(state.kills.items()):
        print(
            f"{name}: {'on' if local.kill.on else 'off'} ({local.kill.actor}: {local.kill.reason or 'no reason given'})"
        )
    if state.unreadable:
        print("the kill file of this host cannot be read: it counts as on for everybody")
