"""Streams: whatever ends the sending, what was held is let go of once."""

from collections.abc import Iterator

import pytest

from ml_service.web.streams import Stream


def broken() -> Iterator[bytes]:
    yield b"one"
    raise OSError("the database went away")


def test_it_lets_go_at_the_end() -> None:
    ended: list[str] = []
    stream = Stream(iter([b"one", b"two"]), lambda: ended.append("now"))

    assert next(stream) == b"one"
    assert not ended
    assert list(stream) == [b"two"]
    assert ended == ["now"]
    stream.close()
    assert ended == ["now"]


def test_it_lets_go_when_making_fails() -> None:
    ended: list[str] = []
    stream = Stream(broken(), lambda: ended.append("now"))
    next(stream)

    with pytest.raises(OSError, match="went away"):
        next(stream)
    assert ended == ["now"]


def test_it_lets_go_when_nobody_listens_any_more() -> None:
    ended: list[str] = []
    pieces = broken()
    stream = Stream(pieces, lambda: ended.append("now"))
    next(stream)

    del stream

    assert ended == ["now"]
    assert list(pieces) == []


def test_it_lets_go_when_it_never_began() -> None:
    ended: list[str] = []

    Stream(broken(), lambda: ended.append("now")).close()

    assert ended == ["now"]
