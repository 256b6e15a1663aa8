"""`report`: one HTML file about one user, to read and to keep."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ml_service.cli.moments import moment
from ml_service.settings import load_settings


def report(
    user: Annotated[str, typer.Option(help="Whose.")],
    html: Annotated[Path, typer.Option(help="The file to write; it is there once it is complete.")],
    symbol: Annotated[str | None, typer.Option(help="One symbol; all of them if left out.")] = None,
    since: Annotated[str, typer.Option(help="How far back: 24h, 90d, or a UTC time.")] = "90d",
    until: Annotated[str | None, typer.Option(help="Up to when; now if left out.")] = None,
    force: Annotated[bool, typer.Option(help="Write over a file that is there already.")] = False,
) -> None:
    """Tell in one page how thresholds moved, why, and whether it has paid."""
    from ml_service.cli.files import written_whole
    from ml_service.cli.report.page import page
    from ml_service.cli.symbols import symbol_from
    from ml_service.cli.wiring import open_store
    from ml_service.usecases import report as usecase

    settings = load_settings()
    with written_whole(html, force) as part, open_store(settings) as tools:
        now_ms = tools.now_ms()
        since_ms = moment(since, now_ms)
        until_ms = moment(until, now_ms) if until is not None else now_ms + 1
        if until_ms <= since_ms:
            raise typer.BadParameter("until: expected a time after since")
        print(f"reading outcomes of {user}", file=sys.stderr)
        rules = usecase.Rules(settings.gate_policy, settings.adaptation_policy, settings.hash)
        found = usecase.report(user, symbol_from(symbol), since_ms, until_ms, rules=rules, store=tools.store)
        part.write_text(page(found), encoding="utf-8")
    print(f"{found.signals_known} signals, {len(found.adaptations)} adaptations: {os.fspath(html)}")
