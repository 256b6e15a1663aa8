"""What the operator sends: keys to make, replace or revoke, and where to read the audit trail."""

from typing import Annotated, Literal

from pydantic import Field

from ml_service.web.schemas.fields import Body, OwnId, Query, Time, UserId


class KeyBody(Body):
    scope: Literal["user", "service", "cron", "admin"]
    users: Annotated[list[UserId], Field(min_length=1, max_length=1000)] | None = None
    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    expires_at: Time | None = None


class RotateBody(Body):
    grace_hours: Annotated[float, Field(ge=0, le=24 * 90)] = 24.0


class KeyQuery(Query):
    id: OwnId


class AuditQuery(Query):
    after: Annotated[int, Field(ge=0, lt=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
