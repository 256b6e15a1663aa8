"""`adapt`: let thresholds learn, from the command line."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ml_service.settings import Settings, load_settings

if TYPE_CHECKING:
    from ml_service.cli.wiring import Tools


def adapt(
    user: Annotated[str | None, typer.Option(help="One user; everybody that is due if left out.")] = None,
    symbol: Annotated[str, typer.Option(help="One symbol of that user; * is the row for all symbols.")] = "*",
    dry_run: Annotated[bool, typer.Option(help="Tell what would move, and write nothing.")] = False,
    every: Annotated[bool, typer.Option(help="Also what adapted a short while ago.")] = False,
) -> None:
    """Let thresholds learn from the outcomes that are new, and say what moved and why."""
    from ml_service.cli.wiring import open_store

    settings = load_settings()
    with open_store(settings) as tools:
        if user is None:
            adapt_everything(settings, tools, dry_run, every)
        else:
            adapt_one(settings, tools, user, symbol, dry_run)


def adapt_everything(settings: Settings, tools: "Tools", dry_run: bool, every: bool) -> None:
    from ml_service.usecases.adapt import Rules, adapt_all

    pieces = adapt_all(
        rules=Rules(settings.gate_policy, settings.adaptation_policy, settings.hash),
        actor="command-line",
        now_ms=tools.now_ms,
        store=tools.store,
        entropy=tools.entropy,
        dry_run=dry_run,
        every=every,
    )
    result = None
    with typer.progressbar(length=1, label="adapting", file=sys.stderr) as bar:
        for piece in pieces:
            bar.length = piece.total or 1
            bar.update(piece.done - bar.pos)
            result = piece.result or result
    assert result is not None
    verdicts = (
        ", ".join(f"{count} {verdict}" for verdict, count in sorted(result["verdicts"].items())) or "nothing to do"
    )
    print(f"{result['scopes']} scopes with new outcomes, {result['not_due']} of them not due yet: {verdicts}")
    for failure in result["failed"]:
        print(f"{failure['user_id']} {failure['symbol']}: {failure['error']}", file=sys.stderr)
    if result["failures"]:
        sys.exit(1)


def adapt_one(settings: Settings, tools: "Tools", user: str, symbol: str, dry_run: bool) -> None:
    from ml_service.usecases import adapt as usecase

    done = usecase.adapt(
        user,
        symbol,
        rules=usecase.Rules(settings.gate_policy, settings.adaptation_policy, settings.hash),
        actor="command-line",
        now_ms=tools.now_ms(),
        store=tools.store,
        entropy=tools.entropy,
        dry_run=dry_run,
    )
    told = asdict(done.explanation)
    print(
        f"{user} {symbol}: {told['verdict']}, {told['reason']}" + (" (dry run: nothing was written)" if dry_run else "")
    )
    for move in told["moved"]:
        print(f"  {move['parameter']}  {move['before']:.6g} -> {move['after']:.6g}")
        print(f"    {move['sentence']}")
    for hold in told["held"]:
        if hold["why"] != told["reason"]:
            print(f"  {hold['parameter']}  stays {hold['value']:.6g}: {hold['why']}")
    if dry_run:
        print("  dry run: nothing was written")
    if done.adaptation is not None:
        print(f"  revision {done.thresholds.revision}, adaptation {done.adaptation.id}")
