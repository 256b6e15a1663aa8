"""`features`: what the market features are, what they say now, and a report on how they behave."""

import os
import sys
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_service.cli.moments import moment
from ml_service.settings import load_settings

if TYPE_CHECKING:
    from ml_service.adapters.store.market import SqlMarket
    from ml_service.domain.market.feature_rows import FeatureRow
    from ml_service.features.spec import Feature
    from ml_service.ports import StreamInfo

features = typer.Typer(no_args_is_help=True, help="The numbers that models are trained with.")

Symbol = Annotated[str, typer.Option(help="One symbol, such as BTCUSDT.")]
Venue = Annotated[str | None, typer.Option(help="One venue; needed where several have the symbol.")]
Interval = Annotated[str | None, typer.Option(help="Of the bars, such as 1h; needed where there are several.")]
Indicators = Annotated[bool, typer.Option("--indicators", help="Also what training may use beside the features.")]
Json = Annotated[bool, typer.Option("--json", help="Print a document instead of text.")]


@features.command("report")
def report(
    symbol: Symbol,
    venue: Venue = None,
    interval: Interval = None,
    since: Annotated[str | None, typer.Option(help="How far back: 90d, or a UTC time; all if left out.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to when; the last bar if left out.")] = None,
    html: Annotated[Path | None, typer.Option(help="The page to write; it is there once it is complete.")] = None,
    indicators: Indicators = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same figures as a document.")] = False,
    force: Annotated[bool, typer.Option(help="Write over a file that is there already.")] = False,
) -> None:
    """Tell in one page where values lie, what is missing, which features say the same, what regimes are worth."""
    import time

    from ml_service.cli.files import refuse_place, written_whole
    from ml_service.cli.report.features_document import document
    from ml_service.cli.report.features_figures import features_report
    from ml_service.cli.report.features_page import page
    from ml_service.cli.streams import chosen, read
    from ml_service.cli.wiring import open_market

    if html is None and not as_json:
        raise typer.BadParameter("expected --html or --json, or both")
    if html is not None:
        refuse_place(html, force)
    now_ms = time.time_ns() // 1_000_000
    since_ms = moment(since, now_ms) if since is not None else None
    until_ms = moment(until, now_ms) if until is not None else None
    with open_market(load_settings()) as market:
        info = chosen(market, symbol, venue, interval)
        print(f"reading candles of {info.stream}", file=sys.stderr)
        candles, before = read(market, info.stream, since_ms, until_ms)
    found = features_report(
        info.stream,
        candles,
        made_at_ms=now_ms,
        before=before,
        volume_unit=info.volume_unit,
        indicators=shelf_of_indicators() if indicators else {},
    )
    told = f"{found.quality.rows} bars, {len(found.features) + len(found.indicators)} columns"
    if html is not None:
        with written_whole(html, force) as part:
            part.write_text(page(found), encoding="utf-8")
        print(f"{told}: {os.fspath(html)}", file=sys.stderr if as_json else sys.stdout)
    if as_json:
        say_json(document(found))


def shelf_of_indicators() -> "Mapping[str, Feature]":
    from ml_service.features import indicators

    shelf: Mapping[str, Feature] = getattr(indicators, "INDICATORS", {})
    return shelf


@features.command("list")
def list_(indicators: Indicators = False, as_json: Json = False) -> None:
    """What there is: name, group, bars of warm-up, parameters, and what it says."""
    from ml_service.cli.report.features_figures import says
    from ml_service.features import FEATURES
    from ml_service.features.schema import SCHEMA

    shelf = {**FEATURES, **(shelf_of_indicators() if indicators else {})}
    if as_json:
        say_json([described(one, says(one)) for one in shelf.values()])
        return
    for one in shelf.values():
        parameters = ", ".join(f"{name} {value:g}" for name, value in one.parameters.items())
        scale = "scale-free" if one.scale_free else "follows the scale"
        print(f"{one.name:22} {one.group:11} warm-up {one.warm_up:>3}  {scale}  {parameters}".rstrip())
        print(f"    {says(one)}")
    print(f"schema version {SCHEMA.version}, hash {SCHEMA.hash}: {len(FEATURES)} features")


def described(feature: "Feature", told: str) -> dict[str, Any]:
    return {
        "name": feature.name,
        "group": feature.group,
        "warm_up": feature.warm_up,
        "scale_free": feature.scale_free,
        "parameters": dict(feature.parameters),
        "says": told,
    }


@features.command("show")
def show(symbol: Symbol, venue: Venue = None, interval: Interval = None, as_json: Json = False) -> None:
    """The newest row of each stream of a symbol: what a decision made now would be made with."""
    from ml_service.cli.streams import streams_of
    from ml_service.cli.wiring import open_market

    with open_market(load_settings()) as market:
        found = [(info, newest(market, info)) for info in streams_of(market, symbol, venue, interval)]
        names = {seen.schema.hash: seen.schema.names for seen in market.schemas()}
    if as_json:
        say_json([row_document(info, row, names) for info, row in found])
        return
    for info, row in found:
        print("\n".join(row_lines(info, row, names)))


def newest(market: "SqlMarket", info: "StreamInfo") -> "FeatureRow | None":
    rows = market.rows_of(info.stream, info.last_ms) if info.last_ms is not None else ()
    return rows[-1] if rows else None


def row_document(info: "StreamInfo", row: "FeatureRow | None", names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    if row is None:
        return {"stream": info.stream._asdict(), "last_ms": info.last_ms, "row": None}
    told = {
        "opened_at_ms": row.opened_at_ms,
        "schema_hash": row.schema_hash,
        "set_id": row.set_id,
        "regime": row.regime,
        "regime_confidence": row.regime_confidence,
        "values": dict(zip(names[row.schema_hash], row.values, strict=True)),
    }
    return {"stream": info.stream._asdict(), "last_ms": info.last_ms, "row": told}


def row_lines(info: "StreamInfo", row: "FeatureRow | None", names: Mapping[str, tuple[str, ...]]) -> list[str]:
    from ml_service.web.wire import iso

    assert info.last_ms is not None
    if row is None:
        return [f"{info.stream}: the bar of {iso(info.last_ms)} has no feature row yet"]
    regime = "not known yet"
    if row.regime is not None and row.regime_confidence is not None:
        regime = f"{row.regime}, confidence {row.regime_confidence:.2f}"
    values = zip(names[row.schema_hash], row.values, strict=True)
    told = ((name, "missing" if isnan(value) else f"{value:.6g}") for name, value in values)
    return [
        f"{info.stream}, the bar of {iso(row.opened_at_ms)}",
        f"  schema {row.schema_hash}, set {row.set_id}",
        f"  regime                 {regime}",
        *(f"  {name:22} {value}" for name, value in told),
    ]


def say_json(content: Any) -> None:
    """What is no number is null."""
    import orjson

    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")
