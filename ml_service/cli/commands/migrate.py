"""`migrate`: the shape of the database, up and down."""

import sys
from typing import Annotated

import typer

from ml_service.settings import load_settings

migrations = typer.Typer(help="Change the shape of the database; without a word after it: to the newest.")


@migrations.callback(invoke_without_command=True)
def migrate(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        migrate_up("head")


@migrations.command("up")
def migrate_up(to: Annotated[str, typer.Argument(help="A version, or head.")] = "head") -> None:
    """Bring the database to a version (the newest by default)."""
    from ml_service.adapters.store.schema import upgrade

    print(f"the database is at {upgrade(load_settings().database_url, to)}")


@migrations.command("down")
def migrate_down(
    to: Annotated[str, typer.Argument(help="The version to go back to, or base.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before data is lost.")] = False,
) -> None:
    """Take the database back to an earlier version; says what would be lost, and asks."""
    from ml_service.adapters.store.schema import downgrade, losses

    url = load_settings().database_url
    lost = losses(url, to)
    for loss in lost:
        print(f"this would lose: {loss}")
    if lost and not yes:
        typer.confirm("go on?", abort=True)
    print(f"the database is at {downgrade(url, to)}")


@migrations.command("status")
def migrate_status() -> None:
    """Say which version the database has, and which one this program expects."""
    from ml_service.adapters.store.database import Database
    from ml_service.adapters.store.schema import HEAD, version

    database = Database(load_settings().database_url)
    with database.read() as connection:
        found = version(connection) or "base"
    print(f"the database is at {found}, this program expects {HEAD}")
    sys.exit(0 if found == HEAD else 3)
