"""Adaptations: let thresholds learn now, see why they moved, take it back, hold them where they are."""

import time

from flask import Blueprint, Response, request

from ml_service.domain.job import Job
from ml_service.domain.types import ANY_SYMBOL
from ml_service.errors import NotFound
from ml_service.usecases.adapt import Rules, adapt
from ml_service.usecases.freeze import freeze
from ml_service.usecases.jobs import open_job
from ml_service.usecases.undo import undo
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.adaptations import (
    AdaptAllBody,
    AdaptationsQuery,
    AdaptBody,
    FreezeBody,
    UndoBody,
    WaitQuery,
    adaptation_data,
    adapted_data,
    learner_data,
    undone_data,
)
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.jobs import job_data
from ml_service.web.wire import ok

adaptations = Blueprint("adaptations", __name__)

POLL_SECONDS = 0.05
HOUR_MS = 3_600_000


@adaptations.post("/api/v1/thresholds/<user_id>/adapt")
@contract("own_or_cron", body=AdaptBody, answer="What moved and why, what did not and why, and the evidence.")
def post_adapt(user_id: str) -> Response:
    """Learn from the outcomes that are new; without any, nothing changes. `dry_run` writes nothing."""
    use, call = parts(), current()
    body = checked(AdaptBody, call.json_object_or_nothing())
    view = use.snapshot.view()
    done = adapt(
        user_id,
        body.symbol or ANY_SYMBOL,
        rules=Rules(view.policy, use.live.adaptation, view.settings_hash),
        actor=call.actor,
        now_ms=call.now_ms,
        store=use.store,
        entropy=use.entropy,
        dry_run=body.dry_run,
    )
    if done.adaptation is not None:
        use.snapshot.catch_up()
    call.log.update(symbol=done.symbol, verdict=done.explanation.verdict, revision=done.thresholds.revision)
    return ok(adapted_data(done, body.dry_run))


ANSWER = "The job; a second call while it waits or runs finds the same one. With `wait`, its result."


@adaptations.post("/api/v1/adapt-all")
@contract("cron", "slow", body=AdaptAllBody, query=WaitQuery, success=202, answer=ANSWER)
def post_adapt_all() -> Response:
    """Let every user and symbol that is due learn; the worker does it."""
    return adaptation_job()


@adaptations.post("/adapt")
@contract("cron", "slow", body=AdaptAllBody, query=WaitQuery, success=202, answer=ANSWER)
def post_adapt_short() -> Response:
    """The same as adapt-all, under the name that cron calls."""
    return adaptation_job()


def adaptation_job() -> Response:
    use, call = parts(), current()
    body = checked(AdaptAllBody, call.json_object_or_nothing())
    query = checked(WaitQuery, request.args.to_dict())
    job, _ = open_job(
        "adapt_all",
        body.model_dump(exclude_none=True),
        actor=call.actor,
        now_ms=call.now_ms,
        store=use.store,
        entropy=use.entropy,
    )
    call.log["job_id"] = job.id
    job = awaited(job, query.wait)
    return ok(job_data(job, current().caller), 200 if job.has_ended else 202)


def awaited(job: Job, seconds: float) -> Job:
    deadline = time.monotonic() + seconds
    while not job.has_ended and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        with parts().store.read() as reading:
            job = reading.job(job.id) or job
    return job


@adaptations.get("/api/v1/thresholds/<user_id>/adaptations")
@contract("own", query=AdaptationsQuery, answer="Adaptations, newest first, each with its whole explanation.")
def list_adaptations(user_id: str) -> Response:
    """Every move that was learned, and why."""
    query = checked(AdaptationsQuery, request.args.to_dict())
    with parts().store.read() as reading:
        page = reading.adaptations(user_id, query.symbol, query.cursor, query.limit)
    return ok({"items": [adaptation_data(one) for one in page.items], "next_cursor": page.next_cursor})


@adaptations.get("/api/v1/thresholds/<user_id>/adaptations/<adaptation_id>")
@contract("own", answer="The adaptation with its whole explanation.")
def get_adaptation(user_id: str, adaptation_id: str) -> Response:
    """One adaptation."""
    with parts().store.read() as reading:
        found = reading.adaptation(user_id, adaptation_id)
    if found is None:
        raise NotFound(f"no adaptation {adaptation_id!r}")
    return ok(adaptation_data(found))


@adaptations.post("/api/v1/thresholds/<user_id>/adaptations/<adaptation_id>/undo")
@contract("own", body=UndoBody, answer="The new revision, with the values that decided before; learning pauses.")
def post_undo(user_id: str, adaptation_id: str) -> Response:
    """Take back the latest adaptation, and what was learned with it."""
    use, call = parts(), current()
    body = checked(UndoBody, call.json_object_or_nothing())
    view = use.snapshot.view()
    undone = undo(
        user_id,
        adaptation_id,
        reason=body.reason or "",
        actor=call.actor,
        policy=view.policy,
        settings_hash=view.settings_hash,
        cooldown_ms=int(use.live.adaptation.cooldown_hours * HOUR_MS),
        now_ms=call.now_ms,
        store=use.store,
    )
    use.snapshot.catch_up()
    call.log.update(symbol=undone.adaptation.symbol, revision=undone.thresholds.revision)
    return ok(undone_data(undone))


@adaptations.post("/api/v1/thresholds/<user_id>/freeze")
@contract("own", body=FreezeBody, answer="Where the scope stands now.")
def post_freeze(user_id: str) -> Response:
    """Let nothing move by learning until it is unfrozen; outcomes wait meanwhile."""
    return turned(user_id, True)


@adaptations.post("/api/v1/thresholds/<user_id>/unfreeze")
@contract("own", body=FreezeBody, answer="Where the scope stands now.")
def post_unfreeze(user_id: str) -> Response:
    """Let the thresholds learn again, from what came in meanwhile too."""
    return turned(user_id, False)


def turned(user_id: str, frozen: bool) -> Response:
    call = current()
    body = checked(FreezeBody, call.json_object_or_nothing())
    learner, changed = freeze(
        user_id,
        body.symbol or ANY_SYMBOL,
        frozen,
        reason=body.reason or "",
        actor=call.actor,
        now_ms=call.now_ms,
        store=parts().store,
    )
    return ok({**learner_data(learner), "changed": changed})
