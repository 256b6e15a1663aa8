"""`keys`: who may call."""

import sys
from typing import Annotated

import typer

from ml_service.settings import Settings, load_settings

keys = typer.Typer(no_args_is_help=True, help="Make, replace, revoke and list API keys.")


@keys.command("create")
def keys_create(
    scope: Annotated[str, typer.Option(help="user, service, cron or admin")],
    user: Annotated[list[str] | None, typer.Option(help="A user it may act for; repeat for several.")] = None,
    name: Annotated[str, typer.Option(help="A name to know it by.")] = "",
    days: Annotated[float | None, typer.Option(help="Valid for this many days; for ever if left out.")] = None,
) -> None:
    """Make a key. Its secret is shown this once."""
    from ml_service.cli.wiring import open_store
    from ml_service.domain.keys import KEY_SCOPES
    from ml_service.usecases.manage_keys import create_key

    if scope not in KEY_SCOPES:
        raise typer.BadParameter(f"expected one of {', '.join(KEY_SCOPES)}, found {scope}", param_hint="--scope")
    settings = load_settings()
    with open_store(settings) as tools:
        with tools.store.read() as reading:
            first = not reading.all_keys() and not settings.security.admin_key and not settings.security.api_keys_file
        key, token = create_key(
            scope,
            user or None,
            name=name,
            expires_at_ms=tools.now_ms() + int(days * 86_400_000) if days is not None else None,
            actor="command-line",
            entropy=tools.entropy,
            now_ms=tools.now_ms(),
            store=tools.store,
        )
    users = "every user" if key.users is None else ", ".join(key.users)
    print(f"key {key.id} (scope {key.scope}, for {users}) in {where_kept(settings)}; shown this once:")
    print(token)
    if first:
        print("this is the first key: from now on every caller needs one", file=sys.stderr)


def where_kept(settings: Settings) -> str:
    return f"SQLite in {settings.data_dir.resolve()}" if settings.is_embedded else "PostgreSQL"


@keys.command("rotate")
def keys_rotate(
    key_id: str,
    grace_hours: Annotated[float, typer.Option(help="How long the old key stays valid.")] = 24.0,
) -> None:
    """Replace a key; the old one stays valid for the grace time."""
    from ml_service.cli.wiring import open_store
    from ml_service.usecases.manage_keys import rotate_key

    with open_store(load_settings()) as tools:
        key, token = rotate_key(
            key_id,
            grace_hours=grace_hours,
            actor="command-line",
            entropy=tools.entropy,
            now_ms=tools.now_ms(),
            store=tools.store,
        )
    print(f"key {key.id} takes the place of {key_id}, which ends in {grace_hours:g} h; shown this once:")
    print(token)


@keys.command("revoke")
def keys_revoke(key_id: str) -> None:
    """Take a key back; it stops working within a second."""
    from ml_service.cli.wiring import open_store
    from ml_service.usecases.manage_keys import revoke_key

    with open_store(load_settings()) as tools:
        revoke_key(key_id, actor="command-line", now_ms=tools.now_ms(), store=tools.store)
    print(f"key {key_id} is revoked")


@keys.command("list")
def keys_list() -> None:
    """List all keys, without their secrets."""
    from ml_service.cli.wiring import open_store

    with open_store(load_settings()) as tools, tools.store.read() as reading:
        found = reading.all_keys()
        for key in found:
            users = "every user" if key.users is None else ",".join(key.users)
            live = "live" if key.is_live(tools.now_ms()) else "ended"
            print(f"{key.id}  {key.scope:8} {live:6} {users}  {key.name}")
    if not found:
        print("no keys in the database")
