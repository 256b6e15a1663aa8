"""What only the operator may do: keys, settings, the audit trail."""

from typing import Any

from flask import Blueprint, Response, request

from ml_service.domain.keys import ApiKey
from ml_service.errors import InvalidInput, Misconfigured
from ml_service.usecases.manage_keys import create_key, revoke_key, rotate_key
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.admin import AuditQuery, KeyBody, KeyQuery, RotateBody
from ml_service.web.schemas.checking import checked
from ml_service.web.wire import iso, ok

admin = Blueprint("admin", __name__)


@admin.get("/api/v1/admin/keys")
@contract("admin", answer="Every key without its secret.")
def list_keys() -> Response:
    """All keys, with what they open and until when."""
    use = parts()
    with use.store.read() as reading:
        stored = reading.all_keys()
    seeded = [key_data(key, current().now_ms, "file") for key in use.live.seeded_keys.values()]
    return ok({"items": seeded + [key_data(key, current().now_ms, "database") for key in stored]})


@admin.post("/api/v1/admin/keys")
@contract("admin", body=KeyBody, success=201, shows_secret=True, answer="The key; its secret is shown this once.")
def post_key() -> Response:
    """Make a key."""
    use = parts()
    body = checked(KeyBody, current().json_object())
    key, token = create_key(
        body.scope,
        body.users,
        name=body.name,
        expires_at_ms=body.expires_at,
        actor=current().actor,
        entropy=use.entropy,
        now_ms=current().now_ms,
        store=use.store,
    )
    use.snapshot.catch_up()
    return ok({**key_data(key, current().now_ms, "database"), "key": token}, 201)


@admin.post("/api/v1/admin/keys/<key_id>/rotate")
@contract(
    "admin",
    body=RotateBody,
    success=201,
    shows_secret=True,
    answer="The new key; the old one stays valid for the grace time.",
)
def post_rotate(key_id: str) -> Response:
    """Replace a key; the old one stays valid for `grace_hours`."""
    use = parts()
    body = checked(RotateBody, current().json_object_or_nothing())
    key, token = rotate_key(
        key_id,
        grace_hours=body.grace_hours,
        actor=current().actor,
        entropy=use.entropy,
        now_ms=current().now_ms,
        store=use.store,
    )
    use.snapshot.catch_up()
    return ok({**key_data(key, current().now_ms, "database"), "key": token}, 201)


@admin.delete("/api/v1/admin/keys")
@contract("admin", query=KeyQuery, answer="The key, revoked.")
def delete_key_by_query() -> Response:
    """Revoke the key named in `?id=`."""
    return revoked(checked(KeyQuery, request.args.to_dict()).id)


@admin.delete("/api/v1/admin/keys/<key_id>")
@contract("admin", answer="The key, revoked.")
def delete_key(key_id: str) -> Response:
    """Revoke a key; no worker takes it any more within a second."""
    return revoked(key_id)


def revoked(key_id: str) -> Response:
    use = parts()
    if key_id in use.live.seeded_keys:
        raise InvalidInput.at("id", "this key comes from the keys file; take it out there and reload")
    key = revoke_key(key_id, actor=current().actor, now_ms=current().now_ms, store=use.store)
    use.snapshot.catch_up()
    return ok(key_data(key, current().now_ms, "database"))


@admin.post("/api/v1/admin/reload")
@contract("admin", answer="What changed, and what needs a restart.")
def post_reload() -> Response:
    """Read the settings files again and use what may change while running."""
    try:
        return ok(parts().reload(current().actor))
    except Misconfigured as error:
        raise InvalidInput("the settings on disk are wrong; the running ones stay", error.errors) from None


@admin.get("/api/v1/admin/audit")
@contract("admin", query=AuditQuery, answer="Entries in order, with the number to go on after.")
def get_audit() -> Response:
    """The audit trail, oldest first; page with `after`."""
    query = checked(AuditQuery, request.args.to_dict())
    with parts().store.read() as reading:
        entries = list(reading.audit_entries(query.after, query.limit))
    items = [
        {
            "sequence": entry.sequence,
            "at": iso(entry.at_ms),
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "details": entry.details,
            "hash": entry.hash,
        }
        for entry in entries
    ]
    return ok({"items": items, "next_after": entries[-1].sequence if len(entries) == query.limit else None})


def key_data(key: ApiKey, now_ms: int, source: str) -> dict[str, Any]:
    return {
        "id": key.id,
        "scope": key.scope,
        "users": list(key.users) if key.users is not None else None,
        "name": key.name,
        "live": key.is_live(now_ms),
        "created_at": iso(key.created_at_ms) if key.created_at_ms else None,
        "expires_at": iso(key.expires_at_ms) if key.expires_at_ms is not None else None,
        "revoked_at": iso(key.revoked_at_ms) if key.revoked_at_ms is not None else None,
        "source": source,
    }
