"""Models and the sets they speak in: what there is, where it serves, and how it comes to."""

from typing import Any

from flask import Blueprint, Response, request

from ml_service.domain.models.champions import Reign
from ml_service.domain.models.evidence import evidence_of
from ml_service.domain.models.model_document import verify_model
from ml_service.domain.models.record import ModelRecord
from ml_service.domain.models.signing import SigningKey
from ml_service.domain.models.slots import EVERY, Place
from ml_service.domain.outcomes import DAY_MS
from ml_service.errors import InvalidInput, ModelRefused, NotFound
from ml_service.ports import ModelFilter
from ml_service.usecases.model_report import model_report
from ml_service.usecases.promote import newest_candidate, promote
from ml_service.usecases.retire import retire
from ml_service.usecases.reweigh import reweigh
from ml_service.usecases.rollback import rollback
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.model_report import ReportQuery, report_data
from ml_service.web.schemas.models import (
    ModelsQuery,
    PlaceQuery,
    PromoteBody,
    RetireBody,
    RollbackBody,
    champion_data,
    document_data,
    manifest_data,
    model_data,
    reign_data,
    reigns_data,
    reweighed_data,
    set_data,
)
from ml_service.web.wire import ok

models = Blueprint("models", __name__)

ROOT = "/api/v1/learning"


@models.get(f"{ROOT}/models")
@contract("service", query=ModelsQuery, answer="Models, newest first, with the cursor of the next page.")
def list_models() -> Response:
    """Every version of every model."""
    query = checked(ModelsQuery, request.args.to_dict())
    wanted = ModelFilter(query.model_type, query.status, query.symbol, query.regime)
    with parts().store.read() as reading:
        page = reading.models(wanted, query.cursor, query.limit)
    items = [model_data(model, current().now_ms) for model in page.items]
    return ok({"items": items, "next_cursor": page.next_cursor})


@models.get(f"{ROOT}/models/<model_id>")
@contract("service", answer="The model with its manifest, what came before and after it, and where it has served.")
def get_model(model_id: str) -> Response:
    """One model."""
    use = parts()
    with use.store.read() as reading:
        model = reading.model(model_id)
        if model is None:
            raise NotFound(f"no model {model_id!r}")
        children = reading.children_of(model_id)
        sets = {set_id: reading.reigns_of_set(set_id) for set_id in reading.sets_of_model(model_id)}
    return ok(
        {
            **model_data(model, current().now_ms),
            **manifest_data(model),
            "refused": objection(model, use.signing_key),
            "children": children,
            "sets": [{"set_id": set_id, "served": reigns_data(reigns)} for set_id, reigns in sets.items()],
        }
    )


def objection(model: ModelRecord, key: SigningKey) -> str | None:
    """Why the manifest cannot be trusted."""
    if model.status in ("TRAINING", "FAILED") and model.manifest is None:
        return None
    try:
        verify_model(model, key)
    except ModelRefused as error:
        return str(error)
    return None


@models.post(f"{ROOT}/models/<model_id>/retire")
@contract("admin", body=RetireBody, answer="The model, and whether that changed anything.")
def post_retire(model_id: str) -> Response:
    """Retire a model that does not serve."""
    body = checked(RetireBody, current().json_object())
    now_ms = current().now_ms
    model, changed = retire(model_id, reason=body.reason, actor=current().actor, now_ms=now_ms, store=parts().store)
    return ok({**model_data(model, now_ms), "changed": changed})


@models.post(f"{ROOT}/models/promote")
@contract(
    "admin",
    body=PromoteBody,
    answer="Who serves the place now, whether that is new, and what its training found of its worth.",
)
def post_promote() -> Response:
    """Let a set serve its place; in every worker within a second."""
    use = parts()
    body = checked(PromoteBody, current().json_object())
    if (body.set_id is None) == (body.model_type is None):
        raise InvalidInput.at("set_id", "expected either set_id or model_type")
    set_id = body.set_id
    if set_id is None:
        assert body.model_type is not None
        place = Place(body.symbol or EVERY, body.regime or EVERY)
        set_id = newest_candidate(place, body.model_type, store=use.store).set_id
    reign, changed = promote(
        set_id,
        symbol=body.symbol,
        regime=body.regime,
        actor=current().actor,
        reason=body.reason,
        now_ms=current().now_ms,
        store=use.store,
        shelf=use.shelf,
        key=use.signing_key,
        try_out=use.graphs.try_out,
    )
    with use.store.read() as reading:
        record = reading.model_set(set_id)
    assert record is not None, "a set that serves is never deleted"
    return told(reign, changed, evidence=list(evidence_of(record)))


@models.post(f"{ROOT}/models/rollback")
@contract("admin", body=RollbackBody, answer="Who serves the place now, and whether that is new.")
def post_rollback() -> Response:
    """Put the newest earlier champion that can serve back, or nobody; in every process within a second, and without the
    worker."""
    use = parts()
    body = checked(RollbackBody, current().json_object())
    done = rollback(
        Place(body.symbol, body.regime),
        away_from=body.set_id,
        to_nobody=body.to == "nobody",
        actor=current().actor,
        reason=body.reason,
        now_ms=current().now_ms,
        store=use.store,
        shelf=use.shelf,
        key=use.signing_key,
        try_out=use.graphs.try_out,
    )
    return told(
        done.reign, done.changed, passed_over=[{"set_id": one.set_id, "why": one.why} for one in done.passed_over]
    )


def told(reign: Reign, changed: bool, **more: Any) -> Response:
    parts().snapshot.catch_up()
    current().log.update(set_id=reign.set_id, changed=changed)
    with parts().store.read() as reading:
        record = reading.model_set(reign.set_id) if reign.set_id is not None else None
    return ok({**champion_data(reign, record, current().now_ms), "changed": changed, **more})


@models.get(f"{ROOT}/sets")
@contract("service", query=PlaceQuery, answer="Sets, newest first, with the cursor of the next page.")
def list_sets() -> Response:
    """Which models speak together, and with which weights."""
    query = checked(PlaceQuery, request.args.to_dict())
    with parts().store.read() as reading:
        page = reading.model_sets(query.place(), query.cursor, query.limit)
    items = [set_data(record, current().now_ms) for record in page.items]
    return ok({"items": items, "next_cursor": page.next_cursor})


@models.get(f"{ROOT}/sets/<set_id>")
@contract("service", answer="The set with its calibration, how it came about, and when it served.")
def get_set(set_id: str) -> Response:
    """One set."""
    with parts().store.read() as reading:
        record = reading.model_set(set_id)
        if record is None:
            raise NotFound(f"no set {set_id!r}")
        reigns = reading.reigns_of_set(set_id)
    return ok({**set_data(record, current().now_ms), **document_data(record), "served": reigns_data(reigns)})


@models.post(f"{ROOT}/sets/<set_id>/reweigh")
@contract("admin", "slow", answer="The set that came of it, what it was made of, and whether it is a new one.")
def post_reweigh(set_id: str) -> Response:
    """Make a set whose weights follow what its members proved worth; it serves once promoted."""
    use, call = parts(), current()
    made = reweigh(
        set_id, actor=call.actor, now_ms=call.now_ms, store=use.store, key=use.signing_key, entropy=use.entropy
    )
    call.log.update(set_id=made.record.set_id, changed=made.is_new)
    return ok(reweighed_data(made, call.now_ms))


@models.get(f"{ROOT}/champions")
@contract("service", answer="For every place that has one, the set that serves it.")
def list_champions() -> Response:
    """Who serves where."""
    items: list[dict[str, Any]] = []
    with parts().store.read() as reading:
        for reign in reading.reigns():
            assert reign.set_id is not None
            record = reading.model_set(reign.set_id)
            items.append(champion_data(reign, record, current().now_ms))
    return ok({"items": items})


@models.get(f"{ROOT}/champions/history")
@contract("service", query=PlaceQuery, answer="Every promotion and rollback, newest first, with the next cursor.")
def list_champion_history() -> Response:
    """Who served when, and who wanted it so."""
    query = checked(PlaceQuery, request.args.to_dict())
    with parts().store.read() as reading:
        page = reading.champion_history(query.place(), query.cursor, query.limit)
    return ok({"items": [reign_data(reign) for reign in page.items], "next_cursor": page.next_cursor})


@models.get(f"{ROOT}/performance/<id>")
@contract(
    "service",
    "slow",
    query=ReportQuery,
    answer="Scores against the base rate, calibration, trends, proposed weights, recommendations.",
)
def get_model_performance(id: str) -> Response:
    """What a set or a model was worth on what really happened."""
    use, query, now_ms = parts(), checked(ReportQuery, request.args.to_dict()), current().now_ms
    found = model_report(id, since_ms=now_ms - int(query.days * DAY_MS), until_ms=now_ms, store=use.store)
    return ok(report_data(found))
