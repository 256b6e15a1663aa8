"""What numbers about the service are asked for with."""

from typing import Annotated

from pydantic import Field

from ml_service.web.schemas.fields import Query


class StatsQuery(Query):
    hours_back: Annotated[float, Field(gt=0, le=24 * 366)] = 24.0
