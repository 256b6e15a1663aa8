"""A TCP proxy that stands between a server and its client, and makes trouble on demand."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Literal, Self, get_args

from tests.ports import HOST, free_port

Mode = Literal["ok", "refused", "reset", "silent", "half_open", "delay", "trickle"]

DELAY_S = 2.0
TRICKLE_S = 0.05
CHUNK_BYTES = 1 << 20


class TroubledProxy:
    """A TCP proxy whose trouble can be changed while connections are open.

    ok         passes everything on
    refused    nobody listens; open connections end, as when the server has stopped
    reset      open and new connections are reset
    silent     connections are accepted, nothing passes in either direction until the mode changes
    half_open  requests reach the server, its answers are lost, on open and on new connections;
               a connection that lost bytes stays mute for ever, for a stream never has a hole
    delay      2 s more in each direction
    trickle    answers come back at one byte in 50 ms
    """

    def __init__(self, target_port: int, mode: Mode = "ok") -> None:
        self.port = free_port()
        self._target_port = target_port
        self._mode: Mode = "ok"
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._loop = asyncio.new_event_loop()
        self._audible = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="troubled-proxy")
        self._thread.start()
        self.mode = mode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        """Returns once the new mode is in force."""
        assert mode in get_args(Mode)
        self._run(self._enter(mode))

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self._run(self._enter("refused"))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _enter(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "silent":
            self._audible.clear()
        else:
            self._audible.set()
        if mode == "refused" and self._listener is not None:
            self._listener.close()
            self._listener = None
        if mode != "refused" and self._listener is None:
            self._listener = await asyncio.start_server(self._accept, HOST, self.port, limit=CHUNK_BYTES)
        if mode in ("refused", "reset"):
            await self._drop_all()

    async def _drop_all(self) -> None:
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers = self._connections[task] = [writer]
        try:
            if self._mode != "reset":
                await self._audible.wait()
                await self._join(reader, writers)
        # A connection that breaks is the business of its two ends; the proxy serves the others.
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in writers:
                hang_up(each, reset=self._mode == "reset")
            del self._connections[task]
            # The sockets are closed by the loop's next turn.
            await asyncio.sleep(0)

    async def _join(self, reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter]) -> None:
        """Carry bytes between the client and the server until both directions have ended."""
        upstream = await asyncio.open_connection(HOST, self._target_port, limit=CHUNK_BYTES)
        writers.append(upstream[1])
        async with asyncio.TaskGroup() as directions:
            directions.create_task(self._carry(reader, writers[1], answers=False))
            directions.create_task(self._carry(upstream[0], writers[0], answers=True))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        heard = True
        try:
            while data := await reader.read(CHUNK_BYTES):
                heard = heard and await self._pass_on(data, writer, answers=answers)
            await self._audible.wait()
            if heard:
                writer.write_eof()
        except OSError:
            # A reset, as of a process that was killed with an answer unread: the other end hears of it as well.
            await self._audible.wait()
            if heard:
                raise

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter, *, answers: bool) -> bool:
        """Whether the bytes went out; False when they were lost."""
        while data:
            await self._audible.wait()
            mode = self._mode
            if mode == "half_open" and answers:
                return False
            trickles = mode == "trickle" and answers
            await asyncio.sleep(DELAY_S if mode == "delay" else TRICKLE_S if trickles else 0)
            if mode != self._mode:
                continue
            piece = data[:1] if trickles else data
            writer.write(piece)
            await writer.drain()
            data = data[len(piece) :]
        return True


def hang_up(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        lingering = struct.pack("ii", 1, 0)  # on, for 0 s: closing then sends RST instead of FIN
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
    writer.transport.abort()
