"""Times as they are typed: so long ago, or a UTC time."""

import datetime
import re

import typer


def moment(text: str, now_ms: int) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found:
        return now_ms - int(float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]] * 1000)
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"expected 90m, 24h, 7d or a UTC time, found {text}") from None
    return int((at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp() * 1000)
