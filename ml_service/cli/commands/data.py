"""`data`: candles and trades into the store, a look at what is there, and out again."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_service.cli.moments import moment
from ml_service.errors import InvalidInput, NotFound
from ml_service.settings import load_settings

if TYPE_CHECKING:
    from ml_service.ports import Market, StreamInfo

IMPORT_NICENESS = 10
COMPLAINTS = 3
"""The exit status where something is wrong with the bars themselves."""

data = typer.Typer(no_args_is_help=True, help="Take market data in, look at it, check it, write it out.")


class Form(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    FEATHER = "feather"


class Unit(StrEnum):
    BASE = "base"
    QUOTE = "quote"


Json = Annotated[bool, typer.Option("--json", help="For machines.")]
StreamWord = Annotated[str, typer.Argument(help="VENUE/SYMBOL/INTERVAL, as `data list` shows it.")]


@data.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="A file, a folder, or an exchange such as ccxt:binance.")],
    venue: Annotated[str | None, typer.Option(help="Where it was traded, if the file does not say.")] = None,
    symbol: Annotated[str | None, typer.Option(help="What was traded, if the file does not say.")] = None,
    interval: Annotated[str | None, typer.Option(help="The length of a bar, if the file does not say.")] = None,
    timezone: Annotated[str | None, typer.Option(help="The zone of times that do not say theirs, such as UTC.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="close=Close: our column = the file's; repeatable.")] = None,
    volume_unit: Annotated[Unit | None, typer.Option(help="What the volume counts, if nobody says.")] = None,
    since: Annotated[str | None, typer.Option(help="From when: 90d, or a UTC time.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to when.")] = None,
    url: Annotated[str | None, typer.Option(help="Another address of the exchange.")] = None,
    user: Annotated[str | None, typer.Option(help="Whose trades these are.")] = None,
    shorts: Annotated[bool, typer.Option("--shorts", help="Fills may sell what was not bought before.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Read and report; keep nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Import candles or trades. The format is found out; twice gives the same as once; Ctrl-C loses nothing."""
    from ml_service.adapters.market.found import Given
    from ml_service.cli.importing.run import EXCHANGE, Run
    from ml_service.cli.priority import step_back
    from ml_service.cli.symbols import symbol_from
    from ml_service.domain.market.intervals import interval_ms

    if interval is not None:
        interval_ms(interval)
    run = Run(load_settings(), dry_run, shorts)
    begin_ms, end_ms = (moment(text, run.now_ms()) if text is not None else None for text in (since, until))
    given = Given(
        venue=venue.lower() if venue else None,
        symbol=symbol_from(symbol),
        interval=interval,
        timezone=timezone,
        columns=columns_from(column or []),
        volume_unit=volume_unit.value if volume_unit else None,
    )
    stopped = False
    # Whoever decides on this host goes first.
    step_back(IMPORT_NICENESS)
    with run:
        try:
            if not source.startswith(EXCHANGE):
                run.files(Path(source), given, begin_ms, end_ms, user)
            elif symbol is None or interval is None:
                raise typer.BadParameter("an exchange has to be told --symbol and --interval")
            else:
                run.exchange(source.removeprefix(EXCHANGE), symbol, interval, begin_ms, end_ms, url, given.venue)
        except KeyboardInterrupt:
            stopped = True
        run.finish()
    if as_json:
        say_json(run.as_json(stopped))
    else:
        print("\n".join(run.lines(stopped)))
    raise typer.Exit(run.status(stopped))


def columns_from(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    wrong = next((word for word, (ours, sign, theirs) in zip(words, pairs, strict=True) if not (ours and theirs)), None)
    if wrong is not None:
        raise typer.BadParameter(f"expected such as close=Close, found {wrong}", param_hint="--column")
    return {ours: theirs for ours, _, theirs in pairs}


def say_json(content: Any) -> None:
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    sys.stdout.write(orjson.dumps(content, option=options).decode() + "\n")


@data.command("list")
def list_(as_json: Json = False) -> None:
    """Which candles there are."""
    from ml_service.cli.wiring import open_market
    from ml_service.web.wire import iso

    with open_market(load_settings()) as market:
        rows = [(info, *held(market, info)) for info in market.streams()]
    if as_json:
        say_json([described(info, bars, gaps, missing) for info, bars, gaps, missing in rows])
        return
    for info, bars, gaps, missing in rows:
        assert info.first_ms is not None
        assert info.last_ms is not None
        span = f"{iso(info.first_ms)} to {iso(info.last_ms)}"
        print(f"{'/'.join(info.stream):32} {bars:>9} bars  {span}  {gaps} gaps, {missing} bars missing")
    if not rows:
        print("no candles in the store")


def held(market: "Market", info: "StreamInfo") -> tuple[int, int, int]:
    """Bars, gaps, and bars missing in them."""
    import numpy as np

    from ml_service.domain.market.intervals import interval_ms

    bars = gaps = missing = 0
    last = np.array([info.first_ms], np.int64)
    for part in market.candles(info.stream):
        steps = np.diff(np.concatenate((last, part.opened_at_ms))) // interval_ms(info.stream.interval)
        bars += len(part)
        gaps += int(np.count_nonzero(steps > 1))
        missing += int(np.maximum(steps - 1, 0).sum())
        last = part.opened_at_ms[-1:]
    return bars, gaps, missing


def described(info: "StreamInfo", bars: int, gaps: int, missing: int) -> dict[str, Any]:
    return {
        **info.stream._asdict(),
        "bars": bars,
        "first_ms": info.first_ms,
        "last_ms": info.last_ms,
        "volume_unit": info.volume_unit,
        "gaps": gaps,
        "missing_bars": missing,
    }


@data.command("show")
def show(
    stream: StreamWord,
    last: Annotated[int, typer.Option(help="So many of the last bars.", min=1)] = 10,
    as_json: Json = False,
) -> None:
    """The last candles of a stream."""
    from ml_service.cli.wiring import open_market
    from ml_service.domain.market.candles import COLUMNS
    from ml_service.web.wire import iso

    with open_market(load_settings()) as market:
        info = stream_named(stream, market)
        candles = market.latest(info.stream, last)
    rows = list(candles.rows())
    if as_json:
        # What is not told is null.
        say_json([row._asdict() for row in rows])
        return
    told = [name for name in COLUMNS if any(getattr(row, name) == getattr(row, name) for row in rows)]
    print("  ".join(["opened_at".ljust(24), *(f"{name:>14}" for name in told)]))
    for row in rows:
        print("  ".join([iso(row.opened_at_ms), *(f"{getattr(row, name):>14.10g}" for name in told)]))


def stream_named(word: str, market: "Market") -> "StreamInfo":
    """venue/symbol/interval; or the symbol alone, where that says enough."""
    parts = [part for part in word.replace(" ", "/").split("/") if part]
    wanted = {part.lower() for part in parts}
    found = [info for info in market.streams() if wanted <= {part.lower() for part in info.stream}]
    if not found:
        raise NotFound(f"there are no candles of {word}; `data list` shows what there is")
    if len(found) > 1:
        raise InvalidInput.at("stream", f"{word} may be {' or '.join('/'.join(info.stream) for info in found)}")
    return found[0]


@data.command("check")
def check(stream: StreamWord, as_json: Json = False) -> None:
    """What is wrong with the candles of a stream. The exit status is 3 where something is."""
    from dataclasses import asdict

    from ml_service.cli.importing.report import quality_lines
    from ml_service.cli.importing.tally import Tally
    from ml_service.cli.wiring import open_market
    from ml_service.domain.market.intervals import interval_ms

    with open_market(load_settings()) as market:
        info = stream_named(stream, market)
        tally = Tally(interval_ms(info.stream.interval))
        for part in market.candles(info.stream):
            tally.add(part)
        known = tally.quality()
    if as_json:
        say_json({**info.stream._asdict(), "sound": known.is_sound, **asdict(known)})
    else:
        print("\n".join([str(info.stream), f"  rows       {known.rows}", *quality_lines(known)]))
        print("sound" if known.is_sound else "NOT sound")
    raise typer.Exit(0 if known.is_sound else COMPLAINTS)


@data.command("export")
def export(
    stream: StreamWord,
    out: Annotated[Path, typer.Option(help="The file to write; it is there once it is complete.")],
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.CSV,
    since: Annotated[str | None, typer.Option(help="From when: 90d, or a UTC time.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to when.")] = None,
    force: Annotated[bool, typer.Option(help="Write over a file that is there already.")] = False,
    as_json: Json = False,
) -> None:
    """Write the candles of a stream to a file, oldest first."""
    import time

    from ml_service.adapters.market.writing import write_candles
    from ml_service.cli.files import written_whole
    from ml_service.cli.wiring import open_market

    now_ms = time.time_ns() // 1_000_000
    begin, end = (moment(text, now_ms) if text is not None else None for text in (since, until))
    with written_whole(out, force) as part, open_market(load_settings()) as market:
        info = stream_named(stream, market)
        count = write_candles(part, form.value, info.stream, market.candles(info.stream, begin, end))
    if as_json:
        say_json({**info.stream._asdict(), "bars": count, "file": str(out)})
    else:
        print(f"{count} bars of {'/'.join(info.stream)} in {out}")
