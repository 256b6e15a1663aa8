"""The kinds of value that need more than a type: networks, origins, hosts, addresses of databases.

A validator says what it expected. One that looks at a secret never says what it found.
"""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?")
ORIGIN = re.compile(r"https?://[^/\s,*@]+", re.IGNORECASE)
TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
AUTHORITY = re.compile(r"(?:[^:/]*(?::[^@]*)?@)?(?:\[[^\]]+\]|[^/:?]*)(?::(?P<port>[^/?]*))?(?:[/?].*)?")
IN_MEMORY = (":memory:", "mode=memory")


def whole(default: int | None, low: int, high: int) -> Any:
    """A field for an integer from `low` to `high`."""
    return Field(default, ge=low, le=high)


def number(default: float | None, low: float, high: float) -> Any:
    """A field for a finite number from `low` to `high`."""
    return Field(default, ge=low, le=high)


def lowered(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def raised(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def separated(value: Any) -> Any:
    """A list in one variable: its items stand between commas."""
    if not isinstance(value, str):
        return value
    return tuple(part for item in value.split(",") if (part := item.strip()))


def host(value: str) -> str:
    bare = value.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare))
    except ValueError:
        # What consists of digits and dots alone was meant as an address.
        if HOST_NAME.fullmatch(value) and value.strip("0123456789."):
            return value
    raise ValueError(f"expected an address or a host name, found {quoted(value)}")


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    complaints = [complaint for value in values if (complaint := network_complaint(value))]
    if complaints:
        raise ValueError(f"expected networks such as 10.0.0.0/8, found {', '.join(complaints)}")
    return tuple(str(ip_network(value)) for value in values)


def network_complaint(value: str) -> str | None:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return quoted(value)
    if network.prefixlen == 0:
        return f"{quoted(value)}, which trusts every address"
    try:
        ip_network(value)
    except ValueError:
        return f"{quoted(value)} (the network is {network})"
    return None


def origins(values: tuple[str, ...]) -> tuple[str, ...]:
    bare = tuple(value.rstrip("/") for value in values)
    wrong = [quoted(value) for value in bare if not ORIGIN.fullmatch(value)]
    if wrong:
        raise ValueError(f"expected origins such as https://desk.example.com, found {', '.join(wrong)}")
    return bare


def table_name(value: str) -> str:
    if not TABLE_NAME.fullmatch(value):
        raise ValueError(f"expected a table name such as trades or public.trades, found {quoted(value)}")
    return value


def folder(value: Path) -> Path:
    # The embedded store is addressed by a URL that ends at a question mark.
    if "?" in str(value):
        raise ValueError(f"expected a path without a question mark, found {quoted(str(value))}")
    return value


def database_url(value: SecretStr | None) -> SecretStr | None:
    """The address with the driver named; SQLite has to be a file, for several processes share it."""
    if value is None:
        return None
    scheme, separator, rest = value.get_secret_value().partition("://")
    match scheme.lower() if separator else "":
        case "postgres" | "postgresql" | "postgresql+psycopg2":
            authority = AUTHORITY.fullmatch(rest)
            if not rest or not authority or not is_port(authority["port"]):
                raise ValueError("expected postgresql://user:password@host:port/database")
            return SecretStr(f"postgresql+psycopg2://{rest}")
        case "sqlite" | "sqlite+pysqlite":
            # The rest of sqlite:///name starts with a slash; without a name SQLite stays in memory.
            if len(rest) < 2 or not rest.startswith("/") or any(word in rest.lower() for word in IN_MEMORY):
                raise ValueError("expected a file, as in sqlite:///var/ml_service.db: several processes share it")
            return SecretStr(f"sqlite://{rest}")
    raise ValueError("expected a URL that starts with postgresql:// or sqlite:///")


def is_port(text: str | None) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535)


def redis_url(value: SecretStr | None) -> SecretStr | None:
    return starting_with(value, "redis://", "rediss://", "unix://")


def web_url(value: SecretStr | None) -> SecretStr | None:
    return starting_with(value, "https://", "http://")


def starting_with(value: SecretStr | None, *schemes: str) -> SecretStr | None:
    if value is not None and not value.get_secret_value().lower().startswith(schemes):
        raise ValueError(f"expected a URL that starts with {' or '.join(schemes)}")
    return value


def quoted(text: str) -> str:
    """The text between quotes, cut to a line; an address with a password in it is not repeated."""
    if "://" in text and "@" in text:
        return "a URL with credentials"
    short = text if len(text) <= 60 else text[:57] + "..."
    return f'"{repr(short)[1:-1]}"'


Lower = BeforeValidator(lowered)
Upper = BeforeValidator(raised)
Host = Annotated[str, AfterValidator(host)]
Networks = Annotated[tuple[str, ...], BeforeValidator(separated), AfterValidator(networks)]
Origins = Annotated[tuple[str, ...], BeforeValidator(separated), AfterValidator(origins)]
TableName = Annotated[str, AfterValidator(table_name)]
Folder = Annotated[Path, AfterValidator(folder)]
DatabaseUrl = Annotated[SecretStr | None, AfterValidator(database_url)]
RedisUrl = Annotated[SecretStr | None, AfterValidator(redis_url)]
WebUrl = Annotated[SecretStr | None, AfterValidator(web_url)]
