"""A learner's memory as bytes; it comes back bit for bit."""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ml_service.domain.adaptation.anchored import Memory
from ml_service.domain.adaptation.composite import CompositeMemory
from ml_service.domain.adaptation.evidence import Evidence
from ml_service.domain.adaptation.learned import Anchor, Learned
from ml_service.domain.adaptation.tide import Tide

ARRAYS = ("evolved", "weights", "drift", "noise", "live", "gains")
COUNTS = ("day", "adapted_day", "held_until", "generation", "new_outcomes", "known", "trades")
COMPOSITE_ARRAYS = ("live",)
COMPOSITE_COUNTS = ("day", "new_outcomes", "cooling_until", "has_cooled")
EVIDENCE = ("units", "results", "accepted", "days")
LENGTH_BYTES = 4


def learned_bytes(learned: Learned) -> bytes:
    """The header's length, the header as JSON, then one array after the other."""
    memory = learned.memory
    anchored = isinstance(memory, Memory)
    arrays = {name: getattr(memory, name) for name in (ARRAYS if anchored else COMPOSITE_ARRAYS)}
    arrays |= {name: getattr(memory.evidence, name) for name in EVIDENCE}
    # Left out where it says nothing: most states have one row, and are the same bytes as before there were more.
    apart = {"regimes": learned.regimes} if learned.regimes else {}
    if isinstance(memory, Memory) and learned.regimes:
        arrays["mix"] = memory.mix
    header = orjson.dumps(
        {
            "algorithm": learned.algorithm,
            "anchors": learned.anchors,
            "preset": learned.preset,
            "counts": {name: getattr(memory, name) for name in (COUNTS if anchored else COMPOSITE_COUNTS)},
            "tide": memory.tide if isinstance(memory, Memory) else None,
            "arrays": [[name, array.dtype.str, array.shape] for name, array in arrays.items()],
            **apart,
        }
    )
    parts = [len(header).to_bytes(LENGTH_BYTES, "big"), header]
    return b"".join([*parts, *(np.ascontiguousarray(array).tobytes() for array in arrays.values())])


def learned_from(stored: bytes) -> Learned:
    content = memoryview(stored)
    begin = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "big")
    header = orjson.loads(content[LENGTH_BYTES:begin])
    arrays: dict[str, NDArray[Any]] = {}
    for name, kind, shape in header["arrays"]:
        dtype = np.dtype(kind)
        count = int(np.prod(shape))
        # A copy: the bytes belong to the database row, and may not lie where an array wants them.
        arrays[name] = np.frombuffer(content[begin : begin + count * dtype.itemsize], dtype).reshape(shape).copy()
        begin += count * dtype.itemsize
    known: dict[str, Any] = dict(header["counts"])
    known["evidence"] = Evidence(**{name: arrays.pop(name) for name in EVIDENCE})
    known |= arrays
    memory = (
        Memory(tide=Tide(**header["tide"]), **known) if header["algorithm"] == "anchored" else CompositeMemory(**known)
    )
    return Learned(
        tuple(Anchor(**anchor) for anchor in header["anchors"]),
        header["preset"],
        memory,
        tuple(header.get("regimes", ())),
    )
