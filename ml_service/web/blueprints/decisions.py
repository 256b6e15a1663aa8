"""Decisions: look them up, execute them again, ask what served at a moment of the past."""

from flask import Blueprint, Response, request

from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.errors import NotFound, Unavailable
from ml_service.features.schema import SCHEMA
from ml_service.ports import Period
from ml_service.usecases.as_of import as_of
from ml_service.usecases.explain import explain
from ml_service.usecases.jobs import EXPLAIN, newest_job, open_job
from ml_service.usecases.replay import replay_one
from ml_service.usecases.who_served import who_served
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.policies import adjustments_of, policy_of
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.decisions import AsOfQuery, DecisionsQuery, decision_data, provenance
from ml_service.web.schemas.explanations import contributions_data, explanation_data
from ml_service.web.schemas.market import values_data
from ml_service.web.schemas.models import champion_data
from ml_service.web.schemas.thresholds import thresholds_data
from ml_service.web.security import require_user
from ml_service.web.wire import iso, ok

decisions = Blueprint("decisions", __name__)


@decisions.get("/api/v1/decisions/<user_id>")
@contract("own", query=DecisionsQuery, answer="Decisions, newest first, with the cursor of the next page.")
def list_decisions(user_id: str) -> Response:
    """Recorded decisions, newest first."""
    use = parts()
    query = checked(DecisionsQuery, request.args.to_dict())
    period = Period(query.symbol, query.since, query.until, query.kind)
    with use.store.read() as reading:
        page = reading.decisions(user_id, period, query.cursor, query.limit)
    items = [{**decision_data(one, adjustments_of(one, use)), **provenance(one)} for one in page.items]
    return ok({"items": items, "next_cursor": page.next_cursor})


@decisions.get("/api/v1/decision/<user_id>/<decision_id>")
@contract("own", answer="The decision with the signal it judged and everything it came from.")
def get_decision(user_id: str, decision_id: str) -> Response:
    """One decision with its provenance."""
    use = parts()
    with use.store.read() as reading:
        found = reading.decision(user_id, decision_id)
        untouched = found is not None and reading.is_untouched(found)
    if found is None:
        raise NotFound(f"no decision {decision_id!r} of this user")
    data = {**decision_data(found, adjustments_of(found, use)), **provenance(found)}
    if found.features is not None:
        data["features"] = {**data["features"], "values": feature_values(found.features)}
    return ok({**data, "untouched": untouched})


def feature_values(used: FeaturesUsed) -> dict[str, float | None] | None:
    """None where the row has been pruned, or the market's store does not answer."""
    try:
        row = parts().market.feature_row(used.stream, used.opened_at_ms, used.set_id)
    except Unavailable:
        return None
    return values_data(row.values) if row is not None and row.schema_hash == SCHEMA.hash else None


@decisions.get("/api/v1/decision/<user_id>/<decision_id>/explanation")
@contract("own", "slow", answer="What each feature did to the forecast, the greatest effect first.")
def explain_decision(user_id: str, decision_id: str) -> Response:
    """Why the models said what they said."""
    use = parts()
    told = explain(user_id, decision_id, store=use.store, market=use.market, graphs=use.graphs, key=use.signing_key)
    asked = newest_job(EXPLAIN, {"user_id": user_id, "decision_id": decision_id}, store=use.store)
    return ok({**explanation_data(told), "contributions": contributions_data(asked)})


@decisions.post("/api/v1/decision/<user_id>/<decision_id>/explanation")
@contract("own", success=202, answer="Where the worker is with it; 200 with the contributions once they are there.")
def ask_for_contributions(user_id: str, decision_id: str) -> Response:
    """Let the worker tell what each feature added to each model's figure."""
    use, call = parts(), current()
    with use.store.read() as reading:
        if reading.decision(user_id, decision_id) is None:
            raise NotFound(f"no decision {decision_id!r} of this user")
    wanted = {"user_id": user_id, "decision_id": decision_id}
    job = newest_job(EXPLAIN, wanted, store=use.store)
    if job is None or job.state != "done":
        job, _ = open_job(EXPLAIN, wanted, actor=call.actor, now_ms=call.now_ms, store=use.store, entropy=use.entropy)
    call.log["job_id"] = job.id
    return ok(contributions_data(job), 200 if job.has_ended else 202)


@decisions.post("/api/v1/decision/<user_id>/<decision_id>/replay")
@contract("own", answer="Whether the decision comes out the same, and what differs.")
def replay_decision(user_id: str, decision_id: str) -> Response:
    """Execute one decision again and compare."""
    replayed = replay_one(user_id, decision_id, store=parts().store)
    return ok(
        {
            "user_id": user_id,
            "decision_id": decision_id,
            "equal": replayed.equal,
            "differences": list(replayed.differences),
            "decision": replayed.decision.verdict.decision,
            "code": replayed.decision.verdict.code,
        }
    )


@decisions.get("/api/v1/as-of")
@contract("own", query=AsOfQuery, answer="The thresholds and the model that served then.")
def get_as_of() -> Response:
    """Which thresholds and model served at a moment."""
    use = parts()
    query = checked(AsOfQuery, request.args.to_dict())
    require_user(current().caller, query.user_id)
    view = use.snapshot.view()
    then = as_of(
        query.user_id,
        query.symbol,
        query.at,
        policy=view.policy,
        settings_hash=view.settings_hash,
        store=use.store,
    )
    policy = policy_of(then.settings_hash, use)
    served = who_served(query.symbol, query.regime, query.at, store=use.store)
    model = champion_data(*served, query.at) if served is not None else None
    return ok({**thresholds_data(then, query.symbol, policy), "at": iso(query.at), "model": model})
