"""Keys seeded from a JSON file: for containers and tests. Read at the start and on reload, never written."""

from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ml_service.domain.keys import PREFIX, ApiKey, KeyScope, secret_hash
from ml_service.errors import FieldError, Misconfigured


class SeededKey(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")]
    secret: Annotated[str, Field(min_length=1)] | None = None
    sha256: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-fA-F]{64}$", validation_alias=AliasChoices("sha256", "secret_sha256", "hash")),
    ] = None
    scope: KeyScope
    users: list[str] | None = None
    name: str = ""

    @model_validator(mode="after")
    def says_one_thing(self) -> "SeededKey":
        if (self.secret is None) == (self.sha256 is None):
            raise ValueError("expected either secret or sha256")
        if self.scope == "user" and len(self.users or ()) != 1:
            raise ValueError("a key of scope user belongs to exactly one user")
        return self


def read_keys(path: Path | None) -> dict[str, ApiKey]:
    """The keys by id. Every mistake in the file is reported at once; no secret is ever shown."""
    if path is None:
        return {}
    where = f"security.api_keys_file ({path})"
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise Misconfigured((FieldError(where, f"cannot be read: {error.strerror}"),)) from None
    except ValueError:
        raise Misconfigured((FieldError(where, "expected JSON"),)) from None
    entries = content.get("keys") if isinstance(content, dict) else content
    try:
        seeded = TypeAdapter(list[SeededKey]).validate_python(entries)
    except ValidationError as error:
        raise Misconfigured(
            tuple(
                FieldError(f"{where} {'.'.join(str(part) for part in one['loc'])}", one["msg"])
                for one in error.errors(include_input=False, include_url=False)
            )
        ) from None
    ids = [one.id for one in seeded]
    if len(set(ids)) < len(ids):
        twice = sorted({one for one in ids if ids.count(one) > 1})
        raise Misconfigured(tuple(FieldError(f"{where} {one}", "this id is given twice") for one in twice))
    return {one.id: key_from(one) for one in seeded}


def key_from(seeded: SeededKey) -> ApiKey:
    if seeded.sha256 is not None:
        digest = seeded.sha256.lower()
    else:
        assert seeded.secret is not None
        # Some write the whole key where only its secret belongs.
        digest = secret_hash(seeded.secret.removeprefix(f"{PREFIX}{seeded.id}_"))
    users: Any = tuple(seeded.users) if seeded.users is not None else None
    return ApiKey(id=seeded.id, sha256=digest, scope=seeded.scope, users=users, name=seeded.name)
