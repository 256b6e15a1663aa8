"""Fields that several bodies share, and the forms that a body and a query come in."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ml_service.web.wire import id_of, symbol_of, time_of, user_of


def upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Symbol = Annotated[str, AfterValidator(symbol_of), Field(max_length=80, examples=["BTCUSDT"])]
UserId = Annotated[str, AfterValidator(user_of)]
OwnId = Annotated[str, AfterValidator(id_of)]
Time = Annotated[int, BeforeValidator(time_of, json_schema_input_type=str)]
"""Milliseconds, from ISO-8601 text."""
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class OpenBody(BaseModel):
    """Unknown fields are kept and named, not refused."""

    model_config = ConfigDict(strict=True, extra="allow")


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] | None = None
