"""A file that is there once it is complete, and not before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer


@contextmanager
def written_whole(place: Path, force: bool) -> Iterator[Path]:
    """Where to write it meanwhile. A file that is there already stays as it is, unless `force`."""
    refuse_place(place, force)
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        # For its own user alone, whatever the umask says.
        part.touch(mode=0o600)
        yield part
        refuse_place(place, force)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def refuse_place(place: Path, force: bool) -> None:
    """Also before the work begins whose result is to be written there."""
    if not place.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {place.parent}")
    if place.is_dir():
        raise typer.BadParameter(f"{place} is a folder")
    if place.exists() and not force:
        raise typer.BadParameter(f"{place} is there already; --force writes over it")
