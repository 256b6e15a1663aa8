"""The kill switch: turned, and asked about."""

from ml_service.web.schemas.fields import Body, Query, Text, UserId


class KillBody(Body):
    on: bool
    reason: Text = ""
    user_id: UserId | None = None


class KillQuery(Query):
    user_id: UserId | None = None
