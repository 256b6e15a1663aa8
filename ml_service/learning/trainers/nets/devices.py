"""Devices: where a net is trained, and batches that fit into the memory there."""

from collections.abc import Callable

import torch

from ml_service.errors import InvalidInput, Untrainable


def device_for(wish: str) -> str:
    """`auto` takes the fastest that is here."""
    here = [name for name, is_here in HERE.items() if is_here()]
    if wish == "auto":
        return here[0]
    if wish not in here:
        raise InvalidInput.at("device", f'expected auto or one of {", ".join(here)}, found "{wish}"')
    return wish


HERE: dict[str, Callable[[], bool]] = {
    "cuda": lambda: bool(torch.cuda.is_available()),
    "mps": lambda: bool(torch.backends.mps.is_available()),
    "cpu": lambda: True,
}
"""The fastest first."""


class Batches:
    """Hands out places in batches, smaller ones from the moment the memory has run out."""

    def __init__(self, size: int) -> None:
        assert size >= 1
        self.size = size

    def each(self, places: torch.Tensor, use: Callable[[torch.Tensor], None]) -> None:
        done = 0
        while done < len(places):
            batch = places[done : done + self.size]
            try:
                use(batch)
            except torch.OutOfMemoryError as error:
                self.halve(len(batch), error)
            else:
                done += len(batch)

    def halve(self, tried: int, error: torch.OutOfMemoryError) -> None:
        if tried == 1:
            raise Untrainable("expected memory for one example at least, found none on the device") from error
        self.size = tried // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
