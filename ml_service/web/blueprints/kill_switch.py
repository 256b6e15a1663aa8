"""The kill switch: no new risk, in every worker, within a second."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from ml_service.domain.keys import Principal
from ml_service.domain.types import ANY_SYMBOL, Kill
from ml_service.domain.view import View
from ml_service.usecases.kill_switch import turn
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.kill_switch import KillBody, KillQuery
from ml_service.web.security import require_admin, require_user
from ml_service.web.wire import iso, ok

kill_switch = Blueprint("kill_switch", __name__)

EVERYBODY = "*"


@kill_switch.get("/api/v1/kill-switch")
@contract("service", "free", query=KillQuery, answer="Whether the switch is on, for whom, since when and why.")
def get_kill_switch() -> Response:
    """Where the switch stands."""
    query = checked(KillQuery, request.args.to_dict())
    if query.user_id is not None:
        require_user(current().caller, query.user_id)
    return ok(state(parts().snapshot.view(), query.user_id, current().caller))


@kill_switch.post("/api/v1/kill-switch")
@contract("service", "free", body=KillBody, answer="Where the switch stands now, and whether the database knows.")
def post_kill_switch() -> Response:
    """Turn it on (service or admin) or off (admin), for everybody or for one user."""
    use = parts()
    body = checked(KillBody, current().json_object())
    if not body.on:
        require_admin(current().caller)
    if body.user_id is not None:
        require_user(current().caller, body.user_id)
    kill = Kill(body.user_id or EVERYBODY, body.on, body.reason, current().actor, current().now_ms)
    stored = turn(kill, store=use.store, kill_file=use.kill_file)
    use.snapshot.catch_up()
    current().log.update(kill_switch=body.on, kill_user=kill.user_id)
    data = state(use.snapshot.view(), body.user_id, current().caller)
    return ok({**data, "stored": "database" if stored else "local"})


def state(view: View, user_id: str | None, caller: Principal | None) -> dict[str, Any]:
    newest = dict(view.kills)
    for name, local in view.local_kills.items():
        known = newest.get(name)
        if known is None or not local.heard or local.kill.changed_at_ms > known.changed_at_ms:
            newest[name] = local.kill
    switches = [
        {**asdict(kill), "changed_at": iso(kill.changed_at_ms)}
        for name, kill in sorted(newest.items())
        if (user_id is None or name in (EVERYBODY, user_id))
        # A service for some users hears nothing of the others.
        and (name == EVERYBODY or (caller is not None and caller.may_act_for(name)))
    ]
    for switch in switches:
        del switch["changed_at_ms"]
    return {
        "on": view.killed(user_id or ANY_SYMBOL),
        "file_unreadable": view.kill_file_unreadable,
        "switches": switches,
    }
