"""`migrate`: the shape of the stores, up and down."""

import sys
from typing import Annotated

import typer

from ml_service.settings import load_settings

migrations = typer.Typer(help="Change the shape of the database; without a word after it: to the newest, candles too.")

Market = Annotated[bool, typer.Option("--market", help="The market store, where the candles are, not the database.")]


@migrations.callback(invoke_without_command=True)
def migrate(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        migrate_up("head")
        migrate_up("head", market=True)


@migrations.command("up")
def migrate_up(
    to: Annotated[str, typer.Argument(help="A version, or head.")] = "head",
    market: Market = False,
) -> None:
    """Bring the database to a version (the newest by default)."""
    from ml_service.adapters.store.schema import MARKET, STORE, upgrade

    line = MARKET if market else STORE
    print(f"the {line.name} is at {upgrade(url_of(market), to, line)}")


@migrations.command("down")
def migrate_down(
    to: Annotated[str, typer.Argument(help="The version to go back to, or base.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before data is lost.")] = False,
    market: Market = False,
) -> None:
    """Take the database back to an earlier version; says what would be lost, and asks."""
    from ml_service.adapters.store.schema import MARKET, STORE, downgrade, losses

    line, url = MARKET if market else STORE, url_of(market)
    lost = losses(url, to, line)
    for loss in lost:
        print(f"this would lose: {loss}")
    if lost and not yes:
        typer.confirm("go on?", abort=True)
    print(f"the {line.name} is at {downgrade(url, to, line)}")


@migrations.command("status")
def migrate_status(market: Market = False) -> None:
    """Say which version the database has, and which one this program expects."""
    from ml_service.adapters.store.database import Database
    from ml_service.adapters.store.schema import MARKET, STORE, version

    line = MARKET if market else STORE
    database = Database(url_of(market))
    with database.read() as connection:
        found = version(connection, line) or "base"
    print(f"the {line.name} is at {found}, this program expects {line.head}")
    sys.exit(0 if found == line.head else 3)


def url_of(market: bool) -> str:
    settings = load_settings()
    return settings.market_url if market else settings.database_url
