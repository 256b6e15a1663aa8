"""Every error raised on purpose, as one tree.

ServiceError
├── Refused                 the caller's turn: the request cannot be served as it stands
│   ├── InvalidInput        one or more fields are wrong; each is named
│   ├── Unauthenticated     no key, or not a valid one
│   ├── Forbidden           a valid key without the scope
│   ├── NotFound            not there, or not yours: the two look the same
│   ├── Conflict            it contradicts what is already stored
│   │   └── KeyReused       one Idempotency-Key for two different requests
│   ├── TooLarge            the body is over its limit
│   ├── UnsupportedMedia    the body is not JSON
│   ├── RateLimited         too many requests with this key
│   ├── Untrainable         nothing can be learned from these examples, and why
│   └── ModelRefused        a model file or its manifest cannot be trusted
│       ├── ForeignSchema   it was made for rows of another feature schema
│       └── TooSlow         its graph takes longer than a decision can wait
├── Unavailable             our turn: try again later
│   ├── StoreUnavailable    the database does not answer
│   ├── Overloaded          every slot of this lane is taken
│   └── NotKept             nothing durable could take the record
└── Misconfigured           the process must not start like this
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong, and where."""

    path: str
    message: str


class ServiceError(Exception):
    code = "internal"


class Overtaken(Exception):
    """Raised inside a transaction to undo it: somebody else wrote first, so all of it is to be read and done again.

    It never leaves a use-case, so it stands outside the tree.
    """


class Refused(ServiceError):
    code = "refused"


class InvalidInput(Refused):
    code = "invalid_input"

    def __init__(self, message: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors

    @classmethod
    def at(cls, path: str, message: str) -> "InvalidInput":
        return cls(f"{path}: {message}", (FieldError(path, message),))


class Unauthenticated(Refused):
    code = "unauthenticated"


class Forbidden(Refused):
    code = "forbidden"


class NotFound(Refused):
    code = "not_found"


class Conflict(Refused):
    code = "conflict"

    def __init__(self, message: str, code: str = "conflict") -> None:
        super().__init__(message)
        self.code = code


class KeyReused(Conflict):
    def __init__(self, message: str) -> None:
        super().__init__(message, "idempotency_key_reused")


class TooLarge(Refused):
    code = "too_large"


class UnsupportedMedia(Refused):
    code = "unsupported_media_type"


class RateLimited(Refused):
    code = "rate_limited"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Untrainable(Refused):
    code = "untrainable"


class ModelRefused(Refused):
    code = "model_refused"


class ForeignSchema(ModelRefused):
    code = "foreign_schema"


class TooSlow(ModelRefused):
    code = "too_slow"


class Unavailable(ServiceError):
    code = "unavailable"
    retry_after_s = 1


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class Overloaded(Unavailable):
    code = "overloaded"


class NotKept(Unavailable):
    code = "not_kept"


class Misconfigured(ServiceError):
    code = "misconfigured"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        lines = "\n".join(f"  {error.path}: {error.message}" for error in errors)
        super().__init__(f"the settings cannot be used:\n{lines}")
        self.errors = errors
