"""`models`: what there is, what serves, and whether it is what was signed."""

import json
import sys
from enum import StrEnum
from typing import Annotated, cast, get_args

import typer

from ml_service.cli.symbols import symbol_from
from ml_service.domain.market.regimes import regime_named
from ml_service.domain.models.slots import Status
from ml_service.errors import InvalidInput
from ml_service.settings import load_settings

models = typer.Typer(
    no_args_is_help=True, help="List, show, explain, weigh, promote, roll back, retire and verify models."
)

ACTOR = "command-line"
NICENESS = 10


class To(StrEnum):
    FORMER = "former"
    NOBODY = "nobody"


def regime_from(text: str | None) -> str | None:
    """The same names that the web understands."""
    if text is None or text == "*":
        return text
    try:
        return regime_named(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


def status_from(text: str | None) -> str | None:
    if text is None or text.upper() in get_args(Status):
        return text.upper() if text is not None else None
    raise typer.BadParameter(f'expected one of {", ".join(get_args(Status))}, found "{text}"')


Symbol = Annotated[str, typer.Option(help="One symbol; * is all of them.", callback=symbol_from)]
Regime = Annotated[str, typer.Option(help="One regime of the market; * is all of them.", callback=regime_from)]
OF_A_SET = "Of a set, its own {0} or none; beside --type, where to look, * if left out."
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]


@models.command("list")
def models_list(
    model_type: Annotated[str | None, typer.Option("--type", help="logistic, forest, xgboost, …")] = None,
    status: Annotated[
        str | None, typer.Option(help="TRAINING, SHADOW, ACTIVE, RETIRED or FAILED", callback=status_from)
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="One symbol; * for all-symbol ones.", callback=symbol_from)] = None,
    regime: Annotated[str | None, typer.Option(help="One regime; * for all-regime ones.", callback=regime_from)] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
) -> None:
    """List models, newest first."""
    from ml_service.cli.wiring import open_store
    from ml_service.ports import ModelFilter

    wanted = ModelFilter(model_type, cast(Status | None, status), symbol, regime)
    with open_store(load_settings()) as tools, tools.store.read() as reading:
        page = reading.models(wanted, None, limit)
    for model in page.items:
        slot = model.slot
        place = f"{slot.symbol}/{slot.regime}"
        print(f"{model.model_id}  {slot.model_type:9} v{model.version:<4} {place:24} {model.status}")
    if not page.items:
        print("no such models")
    if page.next_cursor is not None:
        print(f"… and more: --limit says how many are shown, here {limit}")


@models.command("show")
def models_show(model_id: str) -> None:
    """Show one model, its manifest, its sets and when they served."""
    from ml_service.cli.wiring import open_store
    from ml_service.errors import NotFound
    from ml_service.web.schemas.models import manifest_data, model_data, reigns_data

    with open_store(load_settings()) as tools, tools.store.read() as reading:
        model = reading.model(model_id)
        if model is None:
            raise NotFound(f"no model {model_id!r}")
        served = {one: reigns_data(reading.reigns_of_set(one)) for one in reading.sets_of_model(model_id)}
        shown = {**model_data(model, tools.now_ms()), **manifest_data(model), "sets": served}
    print(json.dumps(shown, indent=2, ensure_ascii=False))


@models.command("report")
def models_report(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of a set or of a model.")],
    days: Annotated[float, typer.Option(min=0.001, max=3_660.0, help="So far back.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as over HTTP.")] = False,
) -> None:
    """Tell what a set or a model was worth on what really happened."""
    from ml_service.cli.model_report import told
    from ml_service.cli.wiring import open_store
    from ml_service.domain.outcomes import DAY_MS
    from ml_service.usecases.model_report import model_report
    from ml_service.web.schemas.model_report import report_data

    with open_store(load_settings()) as tools:
        now_ms = tools.now_ms()
        found = model_report(id_, since_ms=now_ms - int(days * DAY_MS), until_ms=now_ms, store=tools.store)
    print(json.dumps(report_data(found), indent=2, ensure_ascii=False) if as_json else "\n".join(told(found)))


@models.command("explain")
def models_explain(
    decision_id: str,
    user: Annotated[str, typer.Option(help="Whose decision it is.")],
    as_job: Annotated[bool, typer.Option("--job", help="Let the worker do it; prints the job's id.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A document instead of text.")] = False,
    followed: Annotated[bool, typer.Option("--followed", hidden=True)] = False,
) -> None:
    """Tell what each feature added to each model's figure in one decision."""
    from ml_service.cli.explained import contributions, lines
    from ml_service.cli.priority import step_back
    from ml_service.cli.training.run import require_layer
    from ml_service.cli.wiring import open_store
    from ml_service.usecases.jobs import EXPLAIN, open_job

    settings = load_settings()
    if as_job:
        with open_store(settings) as tools:
            wanted = {"user_id": user, "decision_id": decision_id}
            job, is_new = open_job(
                EXPLAIN, wanted, actor=ACTOR, now_ms=tools.now_ms(), store=tools.store, entropy=tools.entropy
            )
        print(job.id if is_new else f"{job.id} (asked for already)")
        return
    require_layer()
    step_back(NICENESS)
    told = contributions(user, decision_id, settings)
    if as_json or followed:
        print(json.dumps(told, indent=None if followed else 2, ensure_ascii=False))
    else:
        print("\n".join(lines(told)))


@models.command("reweigh")
def models_reweigh(set_id: Annotated[str, typer.Argument(metavar="SET")]) -> None:
    """Make a set whose weights follow what its members proved worth on resolved predictions."""
    from ml_service.cli.model_report import step_lines
    from ml_service.cli.wiring import open_models
    from ml_service.usecases.reweigh import reweigh

    with open_models(load_settings()) as tools:
        made = reweigh(
            set_id,
            actor=ACTOR,
            now_ms=tools.now_ms(),
            store=tools.store,
            key=tools.signing_key,
            entropy=tools.entropy,
        )
    report = made.found.report
    print(f"{report.episodes} episodes in {report.predictions} resolved predictions")
    print("\n".join(step_lines(report)))
    sides = " and ".join(made.found.recalibrated)
    print(f"calibration: {f'a new one for {sides}' if sides else 'as it was, for nothing says better'}")
    new = "registered as" if made.is_new else "the same as"
    print(f"{new} set {made.record.set_id}; it serves once promoted")


@models.command("promote")
def models_promote(
    set_id: Annotated[str | None, typer.Argument(help="A set; else the newest with a shadow of --type.")] = None,
    model_type: Annotated[str | None, typer.Option("--type", help="logistic, forest, xgboost, …")] = None,
    symbol: Annotated[str | None, typer.Option(help=OF_A_SET.format("symbol"), callback=symbol_from)] = None,
    regime: Annotated[str | None, typer.Option(help=OF_A_SET.format("regime"), callback=regime_from)] = None,
    reason: Reason = "",
) -> None:
    """Let a set serve its place; running services notice within a second."""
    from ml_service.cli.wiring import open_graphs, open_models
    from ml_service.domain.models.evidence import evidence_of
    from ml_service.domain.models.slots import EVERY, Place
    from ml_service.usecases.promote import newest_candidate, promote

    if (set_id is None) == (model_type is None):
        raise typer.BadParameter("expected either a set or --type", param_hint="set_id")
    settings = load_settings()
    with open_models(settings) as tools:
        if set_id is None:
            place = Place(symbol or EVERY, regime or EVERY)
            set_id = newest_candidate(place, str(model_type), store=tools.store).set_id
        reign, changed = promote(
            set_id,
            symbol=symbol,
            regime=regime,
            actor=ACTOR,
            reason=reason,
            now_ms=tools.now_ms(),
            store=tools.store,
            shelf=tools.shelf,
            key=tools.signing_key,
            try_out=open_graphs(settings).try_out,
        )
        with tools.store.read() as reading:
            record = reading.model_set(set_id)
    assert record is not None, "a set that serves is never deleted"
    served = "/".join(reign.place)
    print(f"set {reign.set_id} serves {served}" if changed else f"set {reign.set_id} served {served} already")
    print("\n".join(evidence_of(record)))


@models.command("rollback")
def models_rollback(
    symbol: Symbol = "*",
    regime: Regime = "*",
    away_from: Annotated[str | None, typer.Option("--set", help="The set that is to go.")] = None,
    to: Annotated[To, typer.Option(help="nobody: leave the place empty, whoever served before.")] = To.FORMER,
    reason: Reason = "",
) -> None:
    """Put the newest earlier champion that can serve back, or nobody where there was none; works with the service
    down."""
    from ml_service.cli.wiring import open_graphs, open_models
    from ml_service.domain.models.slots import Place
    from ml_service.usecases.rollback import rollback

    settings = load_settings()
    with open_models(settings) as tools:
        reign, changed, passed_over = rollback(
            Place(symbol, regime),
            away_from=away_from,
            to_nobody=to is To.NOBODY,
            actor=ACTOR,
            reason=reason,
            now_ms=tools.now_ms(),
            store=tools.store,
            shelf=tools.shelf,
            key=tools.signing_key,
            try_out=open_graphs(settings).try_out,
        )
    for one in passed_over:
        print(f"passed over set {one.set_id}: {one.why}")
    if reign.set_id is None:
        print(f"nobody serves {symbol}/{regime} " + ("any more" if changed else "already"))
    else:
        print(f"set {reign.set_id} serves {symbol}/{regime}" + (" again" if changed else " already"))


@models.command("retire")
def models_retire(model_id: str, reason: Reason = "") -> None:
    """Retire a model that does not serve."""
    from ml_service.cli.wiring import open_store
    from ml_service.usecases.retire import retire

    with open_store(load_settings()) as tools:
        model, changed = retire(model_id, reason=reason, actor=ACTOR, now_ms=tools.now_ms(), store=tools.store)
    print(f"model {model.model_id} is retired" + ("" if changed else " already"))


@models.command("verify")
def models_verify() -> None:
    """Check every manifest, signature and file; fails where one is not as it was written."""
    from ml_service.cli.wiring import open_models
    from ml_service.usecases.verify_models import verify_models

    counted = {"model": 0, "set": 0}
    objections = 0
    with open_models(load_settings()) as tools:
        for checked in verify_models(store=tools.store, shelf=tools.shelf, key=tools.signing_key):
            counted[checked.kind] += 1
            if checked.objection is not None:
                objections += 1
                print(f"{checked.kind} {checked.id}: {checked.objection}")
    print(f"{counted['model']} models and {counted['set']} sets checked, {objections} refused")
    sys.exit(1 if objections else 0)
