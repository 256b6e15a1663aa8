"""What a process of the service sets up for itself: how it hears that it shall stop, and how it ends."""

import atexit
import contextlib
import ctypes
import gc
import multiprocessing.util
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
GARBAGE_THRESHOLDS = (20_000, 20, 50)
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_SECONDS = 0.05
NUDGES = 5
SAID_YES, SAID_NO = 0, 64
SO_ATTACH_FILTER = 26
DROP_FIRST_PACKETS = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the flags of the TCP header
        (0x54, 0, 0, 0x12),  # keep SYN and ACK of them
        (0x15, 0, 1, 0x02),  # SYN alone: somebody knocks
        (0x06, 0, 0, 0),  # drop it
        (0x06, 0, 0, 0xFFFFFFFF),  # let everything else pass
    )
)
"""A socket filter in the kernel's own language."""


class Stop:
    """Whether SIGTERM or Ctrl-C has come. A handler may set it at any moment: `threading.Event` takes a lock for
    that, which the very thread that the signal interrupted may be holding."""

    def __init__(self) -> None:
        self._is_set = False

    def on_signals(self) -> "Stop":
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: self.set())
        return self

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not self._is_set and (left := end - time.monotonic()) > 0:
            time.sleep(min(LOOK_SECONDS, left))
        return self._is_set


def die_with_parent() -> None:
    """No orphans: when the one who started this process is killed, this one ends as well (Linux only)."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def apart(work: Callable[[], bool]) -> bool:
    """What the work says, done in a child, which takes all the memory that it needed away with it. Trouble is told by
    the child, and ends this process as it ended that."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        die_with_parent()
        said = work()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(SAID_YES if said else SAID_NO)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (SAID_YES, SAID_NO):
        sys.exit(status if status > 0 else 128 - status)
    return status == SAID_YES


def wake_for_signals() -> None:
    """See to it that the main thread acts on a signal to stop, although it sleeps on a lock.

    Granian's main thread does. On a busy machine one stop in a hundred found the signal noted and the thread
    asleep, and the process served on until it was killed. What the interpreter notes it also writes into this
    pipe; whoever reads it wakes the main thread once more.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    if (other := signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)) != -1:
        # gunicorn listens to its signals this way itself.
        signal.set_wakeup_fd(other)
        return
    signal.signal(signal.SIGUSR2, lambda *_: None)

    def listen() -> None:
        while heard := reading.recv(64):
            if set(heard) & set(STOP_SIGNALS):
                for _ in range(NUDGES):
                    time.sleep(LOOK_SECONDS)
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)

    threading.Thread(target=listen, name="signals", daemon=True).start()


def shut_door_when(is_time: Callable[[], bool]) -> None:
    """Watch for the moment from which no newcomer shall be let in (Linux only)."""
    if sys.platform != "linux":
        return

    def watch() -> None:
        while not is_time():
            time.sleep(LOOK_SECONDS)
        shut_door()

    threading.Thread(target=watch, name="door", daemon=True).start()


def shut_door() -> None:
    """Newcomers get no answer to their knock, and knock again a second later, at whoever listens by then.

    Who is inside or in the queue is served as before. Closing the socket instead would reset the queue, and both
    servers, told to stop, hang up on those whose request they have not read yet.
    """
    program = ctypes.create_string_buffer(DROP_FIRST_PACKETS)
    attached = struct.pack("HP", len(DROP_FIRST_PACKETS) // 8, ctypes.addressof(program))
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)


def at_end(close: Callable[[], None]) -> None:
    """Run once when this process ends in good order: gunicorn's workers leave through the interpreter's exit,
    Granian's through the one of multiprocessing, which knows nothing of the other."""
    once = run_once(close)
    atexit.register(once)
    multiprocessing.util.Finalize(None, once, exitpriority=10)


def run_once(function: Callable[[], None]) -> Callable[[], None]:
    done = False

    def once() -> None:
        nonlocal done
        if not done:
            done = True
            function()

    return once


def collect_rarely() -> None:
    """Take what the start has built out of the collector's sight, and let it look less often.

    Requests make no cycles to speak of; by default a batch of a thousand signals sets off dozens of collections, each
    walking over every threshold in memory.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
