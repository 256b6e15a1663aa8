"""`train`: models of one symbol from its candles, tested in walk-forward, with a report on what they are worth."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ml_service.domain.models.record import SetRecord
from ml_service.settings import load_settings

ACTOR = "command-line"
NICENESS = 10
STOPPED = 130
"""The exit status of what was stopped with Ctrl-C."""
SEED_MAX = 2_000_000_000
"""All libraries take a number like this, and one for each of thousands of steps on top."""
DAYS_MAX = 36_500


class LabelKind(StrEnum):
    DIRECTION = "direction"
    TRIPLE_BARRIER = "triple_barrier"


class Source(StrEnum):
    CANDLES = "candles"
    DECISIONS = "decisions"


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


def train(
    symbol: Annotated[str, typer.Option(help="One symbol, such as BTCUSDT.")],
    models: Annotated[str, typer.Option(help="Names with commas between them, or all.")] = "all",
    venue: Annotated[str | None, typer.Option(help="One venue; needed where several have the symbol.")] = None,
    interval: Annotated[str | None, typer.Option(help="Of the bars, such as 15m; needed where several are.")] = None,
    source: Annotated[Source, typer.Option(help="What the market did, or what became of decisions.")] = Source.CANDLES,
    horizon: Annotated[int | None, typer.Option(help="In bars; as settled signals, if left out.", min=1)] = None,
    label: Annotated[LabelKind, typer.Option(help="What is learned to be told.")] = LabelKind.DIRECTION,
    barrier: Annotated[float, typer.Option(help="Of triple_barrier: in usual moves.", min=0.1, max=10)] = 1.0,
    days: Annotated[float, typer.Option(help="So many of the last days.", min=0.1, max=DAYS_MAX)] = 365.0,
    regime: Annotated[str | None, typer.Option(help="Learn from the bars of one regime alone.")] = None,
    folds: Annotated[int, typer.Option(help="Stretches of the walk-forward test.", min=1, max=50)] = 5,
    embargo: Annotated[
        int | None, typer.Option(help="Bars left out before a test; a horizon if left out.", min=0)
    ] = None,
    search: Annotated[int, typer.Option(help="Try so many parameters of each model first.", min=0, max=10_000)] = 0,
    seed: Annotated[int, typer.Option(help="The same one gives the same bytes.", min=0, max=SEED_MAX)] = 0,
    device: Annotated[Device, typer.Option(help="Where nets are trained.")] = Device.AUTO,
    jobs: Annotated[int, typer.Option(help="Threads of a model that can use several.", min=1, max=64)] = 1,
    as_job: Annotated[bool, typer.Option("--job", help="Let the worker do it; prints the job's id.")] = False,
    expires_days: Annotated[
        float | None, typer.Option(help="After so many days the models serve no more.", min=0.01, max=DAYS_MAX)
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Report; put nothing into the registry.")] = False,
    html: Annotated[Path | None, typer.Option(help="The report to write; it is there once it is complete.")] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for the files and their manifests.")] = None,
    force: Annotated[bool, typer.Option(help="Write over a report that is there already.")] = False,
    followed: Annotated[bool, typer.Option("--followed", hidden=True)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a document instead of text.")] = False,
) -> None:
    """Train models, and say honestly what they are worth. Stopped with Ctrl-C, the same command goes on."""
    from ml_service.cli.files import refuse_place, written_whole
    from ml_service.cli.priority import step_back
    from ml_service.cli.training.progress import Lines, Progress
    from ml_service.cli.training.run import Request, named_models, require_layer, run, unseen
    from ml_service.cli.training.told import document, lines

    require_layer()
    for place, forced in ((html, force), (out, False)):
        if place is not None:
            refuse_place(place, forced)
    request = Request(
        symbol=symbol,
        models=named_models(models),
        venue=venue,
        interval=interval,
        horizon=horizon,
        kind=label.value,
        barrier=barrier,
        days=days,
        regime=regime,
        folds=folds,
        embargo=embargo,
        seed=seed,
        device=device.value,
        threads=jobs,
        source=source.value,
        trials=search,
    )
    settings = load_settings()
    if as_job:
        from ml_service.cli.training.job import hand_over

        if html is not None or out is not None or dry_run:
            raise typer.BadParameter("a job registers what it makes; --html, --out and --dry-run are for here")
        job, is_new = hand_over(request, settings, ACTOR, expires_days)
        print(job.id if is_new else f"{job.id} (asked for already)")
        return
    from ml_service.cli.report.training_page import page
    from ml_service.cli.training.files import write_files
    from ml_service.cli.training.register import register
    from ml_service.cli.training.under_way import UnderWay

    # Whoever decides on this host goes first.
    step_back(NICENESS)
    record = None
    try:
        with stopped_as_by_hand(), UnderWay(settings) as under_way:
            training = run(request, settings, Lines if followed else Progress, unseen if dry_run else under_way.begin)
            under_way.leave_out(training.left_out)
            if out is not None:
                write_files(training, out)
            if html is not None:
                with written_whole(html, force) as part:
                    part.write_text(page(training), encoding="utf-8")
            if not dry_run:
                record = register(training, settings, ACTOR, expires_days, under_way.rows)
    except KeyboardInterrupt:
        print("stopped; what was fitted is kept, and the same command goes on", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    if as_json or followed:
        import orjson

        told = {**document(training), "set_id": record.set_id if record is not None else None}
        sys.stdout.write(orjson.dumps(told, option=0 if followed else orjson.OPT_INDENT_2).decode() + "\n")
    else:
        print("\n".join(lines(training)))
        print("nothing was registered" if record is None else registered(record))


def registered(record: SetRecord) -> str:
    """The same files once more are the set that is there, which may end sooner than was asked now."""
    from ml_service.web.wire import iso

    until = f", until {iso(record.expires_at_ms)}" if record.expires_at_ms is not None else ""
    return f"registered as set {record.set_id}; it serves once promoted{until}"


@contextmanager
def stopped_as_by_hand() -> Iterator[None]:
    """The worker ends a training with SIGTERM: that is to be told of as Ctrl-C is."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
