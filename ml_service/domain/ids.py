"""Decision ids: time-ordered (UUID version 7), so that an id alone says when its decision was made."""

ENTROPY_BYTES = 10
ID_LENGTH = 36


def decision_id(at_ms: int, entropy: bytes) -> str:
    assert len(entropy) == ENTROPY_BYTES
    tail = entropy.hex()
    # Version 7 and variant 8 are fixed digits of the form; the rest is time and chance.
    time = f"{at_ms:012x}"
    return f"{time[:8]}-{time[8:]}-7{tail[:3]}-8{tail[3:6]}-{tail[6:18]}"


def made_at_ms(decision_id: str) -> int | None:
    """When an id of ours was made; None for an id of another form."""
    if len(decision_id) != ID_LENGTH or decision_id[14] != "7" or decision_id.count("-") != 4:
        return None
    try:
        return int(decision_id[:8] + decision_id[9:13], 16)
    except ValueError:
        return None
